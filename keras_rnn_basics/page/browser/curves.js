// Numbers over time as bars, and as lines.

import { largest } from "./heat_map.js";

// A bar for each number; that of `now` stands out.
export function drawBars(canvas, numbers, now) {
  const [brush, { width, height }] = [sized(canvas), canvas];
  const most = largest(numbers);
  const each = width / numbers.length;
  brush.clearRect(0, 0, width, height);
  brush.fillStyle = getComputedStyle(canvas).getPropertyValue("--size");
  numbers.forEach((number, t) => {
    brush.globalAlpha = t === now ? 1 : 0.55;
    const high = (Math.max(0, number) / most) * (height - 3);
    const gap = Math.min(1.5, each * 0.12);
    brush.fillRect(t * each + gap, height - high, Math.max(each - 2 * gap, 0.6), high);
  });
  brush.globalAlpha = 1;
}

// The answers over their targets; each is a number or undefined at every step.
export function drawLines(canvas, answers, targets) {
  const [brush, { width, height }] = [sized(canvas), canvas];
  const known = [...answers, ...targets].filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const pad = 0.12 * (high - low || 1);
  const each = width / answers.length;
  const place = (value, t) => [(t + 0.5) * each, height * (1 - (value - low + pad) / (high - low + 2 * pad))];
  const style = getComputedStyle(canvas);
  const ratio = window.devicePixelRatio || 1;
  brush.clearRect(0, 0, width, height);
  for (const [values, colour, wide, dot] of [
    [targets, "--soft", 1.5, 2.5],
    [answers, "--more", 2.2, 3.2],
  ]) {
    const points = values.flatMap((value, t) => (Number.isFinite(value) ? [place(value, t)] : []));
    brush.strokeStyle = brush.fillStyle = style.getPropertyValue(colour);
    brush.lineWidth = wide * ratio;
    brush.beginPath();
    points.forEach((at, k) => (k ? brush.lineTo(...at) : brush.moveTo(...at)));
    brush.stroke();
    if (each < 10 * ratio && points.length > 1) continue;
    for (const at of points) {
      brush.beginPath();
      brush.arc(...at, dot * ratio, 0, 7);
      brush.fill();
    }
  }
}

function sized(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const sizes = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.max(1, Math.round(size * ratio)));
  if (canvas.width !== sizes[0] || canvas.height !== sizes[1]) [canvas.width, canvas.height] = sizes;
  return canvas.getContext("2d");
}
