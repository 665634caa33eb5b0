// The decision surface with the points, the linear regions, and the response of a unit that is pointed at.
import { colorOf, fit, heat, rgb } from "./charts.js";

export class Surface {
  constructor(canvas, choose) {
    Object.assign(this, { canvas, showTest: false, showRegions: false, sample: 0 });
    this.small = document.createElement("canvas");
    canvas.addEventListener("click", (event) => {
      if (!this.about) return;
      const box = canvas.getBoundingClientRect();
      const at = [event.clientX - box.left, event.clientY - box.top].map((x, k) => (2 * x / (k ? box.height : box.width) - 1) * this.about.reach);
      choose(this.nearest(at[0], -at[1]));
    });
  }

  build(about) {
    this.about = about;
  }

  nearest(x1, x2) {
    const { x, t } = this.about.training;
    const distance = (k) => Math.hypot(x[2 * k] - x1, x[2 * k + 1] - x2);
    return t.reduce((best, _, k) => (distance(k) < distance(best) ? k : best), 0);
  }

  draw(frame, unit, look) {
    const { context, width } = fit(this.canvas);
    const place = (x1, x2) => [0.5 * width * (1 + x1 / this.about.reach), 0.5 * width * (1 - x2 / this.about.reach)];
    if (unit?.values) heat(this.small, unit.values, unit.side);
    else this.classes(frame);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.small, 0, 0, width, width);
    if (this.showRegions && look?.corners) this.regions(context, look.corners, place);
    this.points(context, place);
    this.describe(frame);
  }

  /** Each point in the color of its class, the more the surer the network is. */
  classes(frame) {
    const side = frame.surface;
    const colors = this.about.classes.map((_, k) => rgb(`class-${k}`));
    const paper = rgb("mid");
    const chance = 1 / colors.length;
    Object.assign(this.small, { width: side, height: side });
    const context = this.small.getContext("2d");
    const image = context.createImageData(side, side);
    for (let n = 0; n < side * side; n++) {
      const color = colors[frame.plane[2 * n]] ?? paper;
      const sure = Math.max(0, (frame.plane[2 * n + 1] / 255 - chance) / (1 - chance));
      const share = 0.06 + 0.56 * sure;
      for (let c = 0; c < 3; c++) image.data[4 * n + c] = paper[c] + share * (color[c] - paper[c]);
      image.data[4 * n + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }

  regions(context, all, place) {
    context.strokeStyle = colorOf("text");
    context.globalAlpha = 0.4;
    context.lineWidth = 0.8;
    context.beginPath();
    for (const corners of all) {
      corners.forEach(([x1, x2], k) => (k ? context.lineTo(...place(x1, x2)) : context.moveTo(...place(x1, x2))));
      context.closePath();
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  points(context, place) {
    const edge = colorOf("point-edge");
    const { training, test, classes } = this.about;
    const colors = classes.map((_, k) => colorOf(`class-${k}`));
    const radius = training.t.length > 500 ? 2.4 : 3.2;
    const dot = (data, k, size) => {
      context.beginPath();
      context.arc(...place(data.x[2 * k], data.x[2 * k + 1]), size, 0, 7);
    };
    training.t.forEach((t, k) => {
      dot(training, k, radius);
      Object.assign(context, { fillStyle: colors[t], strokeStyle: edge, lineWidth: 1.1 });
      context.fill();
      context.stroke();
    });
    if (this.showTest) {
      test.t.forEach((t, k) => {
        dot(test, k, radius);
        Object.assign(context, { fillStyle: edge, strokeStyle: colors[t], lineWidth: 1.8 });
        context.fill();
        context.stroke();
      });
    }
    if (this.sample < training.t.length) {
      dot(training, this.sample, radius + 4);
      Object.assign(context, { strokeStyle: colorOf("text"), lineWidth: 1.8 });
      context.stroke();
    }
  }

  describe(frame) {
    const text = `Decision surface after step ${frame.step}; ${(100 * frame.test[1]).toFixed(0)} % of the test points are on the right side`;
    if (frame.step % 50 === 0 || !this.described) this.canvas.setAttribute("aria-label", text);
    this.described = true;
  }
}
