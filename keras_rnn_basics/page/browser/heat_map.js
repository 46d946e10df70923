// A picture of many numbers: a coloured cell for each; where there is no room for all, for the mean of neighbours.

import { placeOf, tableOf } from "./colours.js";

export class HeatMap {
  constructor(canvas) {
    this.canvas = canvas;
    this.small = document.createElement("canvas");
  }

  // at(row, column) -> a number; rows and columns are how many there are; `most` is a number, or one for each row.
  draw(at, rows, columns, kind, most) {
    const { canvas, small } = this,
      ratio = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(canvas.clientWidth * ratio)),
      height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const [down, across] = [Math.min(rows, height), Math.min(columns, width)];
    if (small.width !== across || small.height !== down) [small.width, small.height] = [across, down];
    const brush = small.getContext("2d"),
      image = brush.createImageData(across, down);
    const pixels = new Uint32Array(image.data.buffer),
      table = tableOf(kind),
      each = rows === down && columns === across;
    for (let i = 0, k = 0; i < down; i++) {
      const [top, bottom] = bin(i, down, rows);
      const scale = typeof most === "number" ? most : most[top];
      for (let j = 0; j < across; j++, k++) {
        if (each) {
          pixels[k] = table[placeOf(kind, at(i, j), scale)];
          continue;
        }
        const [left, right] = bin(j, across, columns);
        let sum = 0;
        for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) sum += at(r, c);
        pixels[k] = table[placeOf(kind, sum / ((bottom - top) * (right - left)), scale)];
      }
    }
    brush.putImageData(image, 0, 0);
    const whole = canvas.getContext("2d");
    whole.imageSmoothingEnabled = false;
    whole.drawImage(small, 0, 0, width, height);
  }
}

// The neighbours that stand in place i of `places`.
export function bin(i, places, count) {
  return [
    Math.floor((i * count) / places),
    Math.max(Math.floor(((i + 1) * count) / places), Math.floor((i * count) / places) + 1),
  ];
}

export function largest(numbers) {
  let most = 0;
  for (const number of numbers) most = Math.max(most, Math.abs(number));
  return most || 1;
}
