"""Clicks through the playground in Chromium.

    cargo build --release --example playground
    python3 tests/playground/click.py target/release/examples/playground [FOLDER]

Needs Chromium, as from `apt install chromium`, and nothing beyond Python. With a folder it stores pictures of the page there.
"""

import json
import math
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import hostile
from browser import Browser, program

STATE = "window.playground?.state()"
READY = f"!!{STATE}?.frame && !!{STATE}.look && document.querySelectorAll('#lesson .pass').length === 3"
SURFACE = "document.querySelector('#surface').toDataURL()"


def passed(text):
    print(f"passed: {text}", flush=True)


def start(page):
    page.wait(READY)


def pause(page):
    """Pauses; the steps that were asked for before are drawn."""
    page.click("#play")
    page.wait(f"!{STATE}.playing && document.querySelector('#said').textContent !== 'Training'")


def training(page):
    """The loss falls, the surface changes, and the page stops when it is paused."""
    before, loss = page.js(SURFACE), page.js(f"{STATE}.frame.training[0]")
    page.click("#play")
    page.wait(f"{STATE}.frame.step > 1000")
    pause(page)
    after, now, step = page.js(SURFACE), page.js(f"{STATE}.frame.training[0]"), page.js(f"{STATE}.frame.step")
    time.sleep(0.3)
    assert page.js(f"{STATE}.frame.step") == step, "it goes on after a pause"
    assert now < 0.7 * loss, (loss, now)
    assert before != after
    assert page.js("document.querySelector('#at-step').textContent") == str(step)
    assert page.js("document.querySelector('#said').textContent").startswith(f"Step {step}: training loss")
    passed(f"the loss falls from {loss:.3f} to {now:.3f} in {step} steps, and the surface changes")


def weights(page):
    return page.js(f"{STATE}.frame.weights.map((w) => Array.from(w))")


def step(page, times):
    for _ in range(times):
        at = page.js(f"{STATE}.frame.step")
        page.click("#step")
        page.wait(f"{STATE}.frame.step === {at + 1} && document.querySelector('#lesson').dataset.step === '{at + 1}'")


def same_again(browser, page, base):
    page.choose("schedule", "cosine")
    page.choose("seed", 7)
    page.wait(f"{STATE}.about.settings.seed === 7 && {STATE}.frame.step === 0")
    step(page, 4)
    first, address = weights(page), page.js("location.href")
    assert address == f"{base}#schedule=cosine&seed=7", address
    page.click("#reset")
    page.wait(f"{STATE}.frame.step === 0")
    assert weights(page) != first
    step(page, 4)
    assert weights(page) == first, "the same settings gave other weights"
    other = browser.page(address)
    start(other)
    step(other, 4)
    assert weights(other) == first, "the address gave other weights"
    assert other.problems() == []
    browser.call("Target.closeTarget", targetId=other.target)
    passed("the same settings give the same weights, again and by the address")


def table(page):
    """The numbers of the table in the page, by formula: all digits, and what is shown."""
    return page.js("""[...document.querySelectorAll("#lesson [data-formula]")].map((line) => [line.dataset.formula,
        [...line.querySelectorAll(".matrix tr")].map((row) => [...row.children].map((cell) => [Number(cell.dataset.value), cell.textContent]))])""")


def times(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def plus(a, b):
    return [[x + y for x, y in zip(p, q)] for p, q in zip(a, b)]


def transpose(a):
    return [list(row) for row in zip(*a)]


def each(f, *all):
    return [[f(*xs) for xs in zip(*rows)] for rows in zip(*all)]


def recomputed(given, layers, skips):
    """The lecture's formulas for a network of tanh units: every value and every derivative."""
    v, z = dict(given), given["x"]
    sub = lambda letter, k: letter + "₀₁₂₃₄₅₆₇₈₉"[k]
    skip = [False]
    for k in range(1, layers + 1):
        v[sub("a", k)] = plus(times(v[sub("W", k)], z), v[sub("b", k)])
        if k < layers:
            h = each(math.tanh, v[sub("a", k)])
            skip.append(skips and len(h) == len(z))
            v[sub("h", k)] = h
            v[sub("z", k)] = z = plus(z, h) if skip[k] else h
    a = v[sub("a", layers)]
    total = sum(math.exp(x) for [x] in a)
    v["y"] = [[math.exp(x) / total] for [x] in a]
    v["E"] = [[-sum(t * math.log(y) for [t], [y] in zip(v["t"], v["y"]))]]
    delta = each(lambda y, t: y - t, v["y"], v["t"])
    for k in range(layers, 0, -1):
        v[sub("δa", k)] = v[sub("∇b", k)] = delta
        v[sub("∇W", k)] = times(delta, transpose(v[sub("z", k - 1)] if k > 1 else v["x"]))
        if k > 1:
            back = times(transpose(v[sub("W", k)]), delta)
            if k <= layers - 1 and skip[k]:
                back = plus(back, dz)
            dz = v[sub("δz", k - 1)] = back
            v[sub("δh", k - 1)] = dz
            delta = each(lambda d, h: d * (1 - h * h), dz, v[sub("h", k - 1)])
    return v


def lesson(page):
    """Every number of the table, against the formulas of the lecture and against what is shown."""
    page.click("#surface", at=(0.7, 0.3))
    chosen = page.js("Number(document.querySelector('#sample').value)")
    page.wait(f"document.querySelector('#lesson').dataset.step === String({STATE}.frame.step)")
    time.sleep(0.3)
    lines = table(page)
    names = lambda formula: re.split(r"[ =]", formula)[0]
    given = {formula: [[x for x, _ in row] for row in rows] for formula, rows in lines if "=" not in formula}
    sizes, skips = page.js(f"[{STATE}.about.sizes, {STATE}.about.settings.skips]")
    x = page.js(f"{STATE}.about.training.x.slice(2 * {chosen}, 2 * {chosen} + 2)")
    assert [[value] for value in x] == given["x"]
    for k, outputs in enumerate(sizes[1:]):  # the weights that are drawn are these, in single precision
        drawn = page.js(f"Array.from({STATE}.frame.weights[{k}])")
        flat = [w for row in given["W" + "₁₂₃₄₅₆₇"[k]] for w in row]
        assert len(drawn) == len(flat) and all(abs(a - b) <= 1e-6 * max(1, abs(b)) for a, b in zip(drawn, flat))
    known, last, count = recomputed(given, len(sizes) - 1, skips), {}, 0
    for formula, rows in lines:
        last[names(formula)] = rows  # the last of several terms is the sum
    for name, rows in last.items():
        if name in ("ΣE", "δE", "δy"):
            continue
        expected = known[name]
        assert [len(rows), len(rows[0])] == [len(expected), len(expected[0])], name
        for row, known_row in zip(rows, expected):
            for (value, text), exact in zip(row, known_row):
                assert abs(value - exact) <= 1e-10 * max(1, abs(exact)), f"{name}: {value}, not {exact}"
                assert abs(float(text.replace("−", "-")) - value) <= 5.1e-5 * max(1, abs(value)) or abs(value) < 1e-3
                count += 1
    assert {"a₁", "z₁", "y", "E", "δa₁", "∇W₁", "∇b₁"} <= last.keys()
    passed(f"the {count} numbers in the table of sample {chosen} are those of the lecture's formulas")


def settings(page):
    page.js("location.hash = ''; document.querySelector('#reset').click()")
    page.wait(f"{STATE}.about.settings.seed === 1 && {STATE}.frame.step === 0")
    page.choose("activation", "relu")
    page.wait(f"{STATE}.look?.regions > 1 && {STATE}.about.settings.activation === 'relu'")
    before = page.js(SURFACE)
    page.click("#show-regions")
    page.wait(f"{SURFACE} !== {json.dumps(before)}")
    layers = page.js(f"{STATE}.about.sizes.length")
    page.click("#add-layer")
    page.wait(f"{STATE}.about.sizes.length === {layers + 1}")
    page.click(".column:nth-child(2) .count .small:last-child")
    page.wait(f"{STATE}.about.sizes[1] === 9")
    for data in ("circles", "xor", "moons"):
        page.choose("data", data)
        page.wait(f"{STATE}.about.settings.data === {json.dumps(data)} && {STATE}.frame.step === 0")
        page.click("#play")
        page.wait(f"{STATE}.frame.step > 100")
        pause(page)
    page.choose("data", "csv")
    page.wait("!document.querySelector('#problem').hidden")
    assert "choose a file" in page.js("document.querySelector('#problem').textContent")
    rows = "".join(f"{math.cos(k) + 3 * (k % 3):.3f},{math.sin(2 * k):.3f},{'elm oak ash'.split()[k % 3]}\\n" for k in range(90))
    page.js(f"document.querySelector('#set-csv').value = 'width,height,kind\\n{rows}'")
    page.choose("noise", 0)
    page.wait(f"{STATE}.about.classes.length === 3 && {STATE}.frame.sizes.at(-1) === 3")
    assert page.js(f"{STATE}.about.classes") == ["ash", "elm", "oak"] and page.js(f"{STATE}.about.axes") == ["width", "height"]
    page.click("#play")
    page.wait(f"{STATE}.frame.test[1] > 0.9")
    pause(page)
    page.choose("init", "zeros")
    page.wait(f"{STATE}.about.settings.init === 'zeros' && document.querySelector('#findings').textContent.includes('alike')")
    passed("data, layers, activations, an own table, regions and the diagnosis")


def keyboard(page):
    page.js("location.hash = ''; document.querySelector('#reset').click(); document.activeElement.blur(); window.scrollTo(0, 0)")
    page.wait(f"{STATE}.about.settings.init === 'auto' && {STATE}.frame.step === 0")
    order = []
    for _ in range(60):
        page.tab()
        order.append(page.js("document.activeElement.id || document.activeElement.className"))
        if order[-1] == "unit":
            break
    assert order[:7] == ["jump", "reset", "play", "step", "pace", "share", "theme"], order
    at = lambda name: order.index(f"set-{name}")
    assert at("data") < at("activation") < at("optimizer") < order.index("unit"), order
    label = "document.activeElement.getAttribute('aria-label')"
    assert page.js(label) == "Unit 1 of hidden layer 1", page.js(label)
    for key, number in (("ArrowDown", 40), ("ArrowRight", 39), ("ArrowDown", 40)):
        page.key(key, number=number)
    assert page.js(label) == "Unit 3 of hidden layer 2"
    assert page.js("document.querySelector('#shown').textContent") == "the response of unit 3 in layer 2"
    page.js("document.querySelector('#play').focus()")
    page.key(" ", "Space", " ", 32)
    page.wait(f"{STATE}.playing && {STATE}.frame.step > 10")
    page.key(" ", "Space", " ", 32)
    page.wait(f"!{STATE}.playing")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    value = lambda node, field: node.get(field, {}).get("value")
    focusable = [n for n in nodes if not n["ignored"] and any(p["name"] == "focusable" and p["value"]["value"] for p in n.get("properties", []))]
    nameless = [value(n, "role") for n in focusable if not value(n, "name") and value(n, "role") not in ("RootWebArea", "main")]
    assert not nameless and len(focusable) > 30, nameless
    roles = {value(n, "role") for n in nodes if not n["ignored"]}
    assert {"banner", "main", "form", "status", "image", "table", "heading", "group"} <= roles, roles
    passed(f"the keyboard reaches everything in order, and {len(focusable)} controls have names")


CONTRAST = """(() => {
    const parse = (text) => { const all = (text.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
        const scale = text.startsWith("color(") ? 255 : 1; return [...all.slice(0, 3).map((x) => x * scale), all[3] ?? 1]; };
    const over = (top, below) => [0, 1, 2].map((k) => top[3] * top[k] + (1 - top[3]) * below[k]);
    const light = (c) => { const [r, g, b] = c.map((x) => (x /= 255) <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const paper = (e) => { const chain = []; for (; e; e = e.parentElement) chain.push(parse(getComputedStyle(e).backgroundColor));
        return chain.reverse().reduce((below, top) => over(top, below), [255, 255, 255]); };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    for (let node; (node = texts.nextNode());) {
        const e = node.parentElement, box = e.getBoundingClientRect();
        if (!node.data.trim() || !box.width || e.closest(":disabled, .unseen, .jump, option")) continue;
        const below = paper(e), [a, b] = [light(over(parse(getComputedStyle(e).color), below)), light(below)];
        found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.data.trim().slice(0, 30)]);
    }
    return found;
})()"""


def looks(page, folder):
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        page.wait(f"document.documentElement.dataset.theme === '{scheme}'")
        for width, height in ((1280, 900), (390, 844)):
            page.resize(width, height)
            page.wait(f"innerWidth === {width}")
            time.sleep(0.2)
            assert page.js("document.documentElement.scrollWidth") <= width, f"the page is wider than {width}"
            ratios = page.js(CONTRAST)
            worst = min(ratios)
            assert worst[0] >= 4.5 and len(ratios) > 100, f"{scheme}, {width}: contrast {worst}"
            if folder:
                page.screenshot(folder / f"{scheme}-{width}.png", whole=True)
                page.screenshot(folder / f"{scheme}-{width}-top.png")
            print(f"        {scheme}, {width} pixels: {len(ratios)} texts, the least contrast {worst[0]:.1f}")
    page.resize(1280, 900)
    page.click("#theme")
    assert page.js("document.documentElement.dataset.theme") == "light"
    assert page.js("document.querySelector('#theme').getAttribute('aria-pressed')") == "false"
    page.js("localStorage.clear()")
    page.scheme("light")
    passed("both schemes at both widths: nothing is cut off, and contrasts are at least 4.5")


def pictures(browser, base, folder):
    """The pictures of the gallery."""
    page = browser.page(base, 1280, 938)
    page.resize(1280, 938, 1.25)
    start(page)
    page.click("#play")
    page.wait(f"{STATE}.frame.step > 1500", 200)
    pause(page)
    for scheme in ("light", "dark"):
        page.scheme(scheme)
        page.wait(f"document.documentElement.dataset.theme === '{scheme}'")
        page.js("document.activeElement.blur(); scrollTo(0, 0)")
        time.sleep(0.5)
        page.screenshot(folder / f"playground-{scheme}.png")
    browser.call("Target.closeTarget", targetId=page.target)


def pace(page):
    page.click("#reset")
    page.wait(f"{STATE}.frame.step === 0")
    page.click("#play")
    page.wait(f"{STATE}.frame.step > 50")
    frames, begin = page.js("window.playground.drawn.frames"), time.monotonic()
    time.sleep(4)
    rate = (page.js("window.playground.drawn.frames") - frames) / (time.monotonic() - begin)
    print(f"        {rate:.0f} frames a second while it trains, on {len(__import__('os').sched_getaffinity(0))} cores without a GPU")


def serve(binary, limits="true"):
    process = subprocess.Popen(["bash", "-c", f'{limits}; exec "$0" --port 0', binary], stdout=subprocess.PIPE, text=True)
    base = re.search(r"http://\S+", process.stdout.readline())[0]
    return process, base, int(re.search(r":(\d+)/", base)[1])


def main():
    binary, folder = sys.argv[1], Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096) if most > 0 else 4096, most))
    server, base, port = serve(binary)
    small, _, small_port = serve(binary, "ulimit -n 120")
    browser = None
    try:
        passed(f"{hostile.malformed(port)} malformed requests are refused")
        hostile.other_origins(port)
        passed("no other host, origin or network is answered")
        hostile.vanish(port)
        passed("clients that vanish leave the rest as it was")
        hostile.crowd(small_port)
        passed("a server of 120 files answers while 600 connections are open")
        if program() is None:
            print("left out: the page itself, because there is no Chromium")
            return
        browser = Browser()
        page = browser.page(base)
        start(page)
        training(page)
        lesson(page)
        same_again(browser, page, base)
        lesson(page)
        settings(page)
        keyboard(page)
        looks(page, folder)
        if folder:
            pictures(browser, base, folder)
        pace(page)
        step_before = page.js(f"{STATE}.frame.step")
        hostile.thousand(port)
        page.wait(f"{STATE}.frame.step > {step_before} + 100")
        passed("a thousand connections are answered while the page trains")
        pause(page)
        foreign = [url for url in page.addresses() if not url.startswith((base, "data:"))]
        # The answer to a table that is missing is an error by intent.
        problems = [p for p in page.problems() if "400 (Refused)" not in p] + page.js("window.playground.drawn.problems")
        assert not foreign and not problems, (foreign, problems)
        passed(f"no error in the console, and none of {len(page.addresses())} requests left this machine")
        assert server.poll() is None
    finally:
        if browser:
            browser.close()
        for process in (server, small):
            process.kill()


if __name__ == "__main__":
    main()
