// One scale of colours for each meaning: values diverge from the page's own colour, magnitudes grow out of it.

const LIGHT = {
  zero: [255, 255, 255],
  less: [
    [178, 206, 233],
    [58, 125, 190],
    [15, 66, 122],
  ],
  more: [
    [250, 200, 166],
    [222, 108, 42],
    [138, 50, 8],
  ],
  size: [
    [216, 205, 240],
    [126, 91, 190],
    [64, 30, 118],
  ],
};
const DARK = {
  zero: [30, 33, 40],
  less: [
    [38, 70, 108],
    [64, 136, 208],
    [168, 212, 252],
  ],
  more: [
    [96, 54, 30],
    [224, 118, 52],
    [255, 208, 166],
  ],
  size: [
    [58, 48, 92],
    [138, 106, 214],
    [222, 208, 255],
  ],
};

let scale = LIGHT;

const mixed = (a, b, share) => a.map((own, i) => Math.round(own + (b[i] - own) * share));

// 0 .. 1 -> a colour, from zero through the three of a ramp.
function along(ramp, share) {
  const stops = [scale.zero, ...ramp],
    at = Math.min(0.9999, Math.max(0, share)) * (stops.length - 1),
    i = Math.floor(at);
  return mixed(stops[i], stops[i + 1], at - i);
}

let tables = {};

// 513 colours as the four bytes of a pixel.
export function tableOf(kind) {
  return (tables[kind] ??= new Uint32Array(
    Uint8ClampedArray.from(
      Array.from({ length: 513 }, (_, k) => {
        const share = (k - 256) / 256;
        return [
          ...(kind === "size"
            ? along(scale.size, k / 512)
            : along(share < 0 ? scale.less : scale.more, Math.abs(share))),
          255,
        ];
      }).flat(),
    ).buffer,
  ));
}

export function useScheme(dark) {
  scale = dark ? DARK : LIGHT;
  tables = {};
}

// The place of a value in the table of a kind, "value" (-most .. most) or "size" (0 .. most).
export function placeOf(kind, value, most) {
  const place = kind === "size" ? (512 * value) / most : 256 + (256 * value) / most;
  return place > 512 ? 512 : place > 0 ? (place + 0.5) | 0 : 0;
}

export function colour(kind, value, most) {
  const pixel = new Uint8Array(tableOf(kind).slice(placeOf(kind, value, most), placeOf(kind, value, most) + 1).buffer);
  return `rgb(${pixel[0]} ${pixel[1]} ${pixel[2]})`;
}
