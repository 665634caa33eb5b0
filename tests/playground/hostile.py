"""Requests that no browser would send: malformed ones, other hosts and origins, a thousand at a time, and clients that vanish."""

import json
import random
import socket
import struct


def connect(port, seconds=20):
    s = socket.create_connection(("127.0.0.1", port), seconds)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(s):
    data = b""
    try:
        while part := s.recv(1 << 16):
            data += part
    except ConnectionResetError:
        pass
    return data


def raw(port, data):
    """What the server answers to these bytes, after which the client sends no more."""
    with connect(port) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError, OSError):
            pass
        return read_all(s)


def request(port, target="/", method="GET", body=b"", headers=()):
    fields = dict([("Host", f"127.0.0.1:{port}"), ("Connection", "close"), *headers])
    head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    answer = raw(port, f"{head}{length}\r\n".encode() + body)
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), content


def alive(port):
    status, head, body = request(port)
    assert status == 200 and b"<!doctype html>" in body
    assert "access-control" not in head.lower()


def malformed(port):
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    start = b"POST /api/start HTTP/1.1\r\n" + host
    refused = {
        b"\r\n\r\n\r\nnonsense\r\n\r\n": 400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3: 400, b"GET / HTTP/9.9\r\n\r\n": 400,
        b"GET /\r\n\r\n": 400, b"GET / HTTP/1.1\r\n\r\n": 403, b"GET http://a.example/ HTTP/1.1\r\n" + host + b"\r\n": 400,
        b"GET ../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n": 400, b"GET /../../etc/passwd HTTP/1.1\r\n" + host + b"\r\n": 404,
        b"GET /style.css%00 HTTP/1.1\r\n" + host + b"\r\n": 404, b"GET / HTTP/1.1\r\n" + host + host + b"\r\n": 403,
        b"GET / HTTP/1.1\r\n" + host + b"A: " + b"x" * 20000: 431, b"GET / HTTP/1.1\r\n" + host + b"a: b\r\n" * 100 + b"\r\n": 400,
        start + b"Content-Length: -1\r\n\r\n": 400, start + b"Content-Length: 1e9\r\n\r\n": 400, start + b"Content-Length: 9" + b"9" * 40 + b"\r\n\r\n": 413,
        start + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc": 400, start + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 501,
        start + b"Content-Length: 4\r\n\r\n\xff\xfe\x00{": 400, start + b"\r\n": 400, b"DELETE / HTTP/1.1\r\n" + host + b"\r\n": 405,
        b"PUT /api/start HTTP/1.1\r\n" + host + b"\r\n": 405, b"GET /api/advance?run=1 HTTP/1.1\r\n" + host + b"\r\n": 405,
    }
    for data, status in refused.items():
        answer = raw(port, data)
        assert answer.split()[1:2] == [str(status).encode()], f"{data[:80]}: {answer[:120]}, not {status}"
        assert b"\xff" not in answer.split(b"\r\n\r\n")[0]
    for settings in ({"hidden": [10**9]}, {"hidden": [-1]}, {"samples": 10**18}, {"rate": 1e400}, {"nonsense": 1}, {"seed": "x"}, ["spirals", 1], 7,
                     {"data": "csv", "csv": "a,b\n1,2"}, {"data": "csv", "csv": "x" * 300000}, {"activation": "celu(0)"}):
        status, _, body = request(port, "/api/start", "POST", json.dumps(settings).encode())
        assert status == 400 and json.loads(body)["error"], settings
    deep = b"[" * 100000
    assert request(port, "/api/start", "POST", deep)[0] == 400
    for target in ("/api/advance?run=7&steps=1", "/api/advance?steps=9999999999999999999999", "/api/advance?run=%00"):
        assert request(port, target, "POST")[0] == 404
    noise = random.Random(5)
    for _ in range(200):
        raw(port, noise.randbytes(noise.randrange(1, 400)))
        good = bytearray(start + b"Content-Length: 2\r\n\r\n{}")
        good[noise.randrange(len(good))] = noise.randrange(256)
        raw(port, bytes(good))
    alive(port)
    return len(refused) + 14 + 400


def other_origins(port):
    for headers in ([("Host", "playground.example")], [("Host", f"rebound.example:{port}")], [("Host", "127.0.0.1")], [("Host", None)],
                    [("Origin", "https://evil.example")], [("Origin", "null")], [("Origin", f"http://127.0.0.1:{port + 1}")],
                    [("Origin", f"https://127.0.0.1:{port}")], [("Origin", f"http://127.0.0.1:{port}.evil.example")],
                    [("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")]):
        for target, method in (("/", "GET"), ("/api/settings", "GET"), ("/api/start", "POST")):
            status, head, _ = request(port, target, method, b"{}" if method == "POST" else b"", headers)
            assert status == 403 and "access-control" not in head.lower(), (headers, target, status)
    for headers in ([("Origin", f"http://127.0.0.1:{port}")], [("Host", f"localhost:{port}"), ("Origin", f"http://localhost:{port}")],
                    [("Sec-Fetch-Site", "same-origin")], [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")]):
        assert request(port, "/", headers=headers)[0] == 200, headers
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing; it finds the address of this machine in its network
            own = s.getsockname()[0]
        except OSError:
            own = "127.0.0.1"
    if not own.startswith("127."):
        try:
            socket.create_connection((own, port), 2).close()
        except OSError:
            return
        raise AssertionError(f"the playground answers at {own}")


def thousand(port):
    """A thousand connections at once: each is answered, twice, while all are open."""
    everyone = [connect(port) for _ in range(1000)]
    head = f"GET /api/settings HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    for _ in range(2):
        for s in everyone:
            s.sendall(head)
        for s in everyone:
            data = b""
            while b"\r\n\r\n" not in data:
                data += s.recv(1 << 16)
            answer, _, body = data.partition(b"\r\n\r\n")
            length = int(answer.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += s.recv(1 << 16)
            assert answer.startswith(b"HTTP/1.1 200") and len(body) == length
    alive(port)
    for s in everyone:
        s.close()


def crowd(port):
    """More connections than the server may open: those that are idle make room."""
    everyone = [connect(port) for _ in range(600)]
    alive(port)
    alive(port)
    for s in everyone:
        s.close()


def vanish(port):
    """Clients that end in the middle of a request or before the answer, after a whole request and after a part of one."""
    _, _, body = request(port, "/api/start", "POST", b'{"hidden":[12,12,12,12,12,12],"samples":1000}')
    run = json.loads(body)["run"]
    ask = f"POST /api/advance?run={run}&steps=50 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    for k in range(60):
        s = connect(port)
        s.sendall(ask[: len(ask) // 2] if k % 3 == 0 else ask)
        if k % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    alive(port)
    status, _, frame = request(port, f"/api/advance?run={run}&steps=1", "POST")
    assert status == 200 and len(frame) > 1000
