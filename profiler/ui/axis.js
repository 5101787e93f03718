// Axes with round figures: powers of two for bytes, 1-2-5 for other units.
const steps = unit => unit === 'bytes' ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] : [1, 2, 5];

// The smallest round step that is not smaller.
function round(step, unit) {
  const base = unit === 'bytes' ? 1024 : 10;
  let power = 1;
  while (power * base <= step) power *= base;
  return (steps(unit).find(n => n * power >= step) || base) * power;
}

// {min, max, step} of an axis for values from low to high. It begins at 0 unless all values lie within a
// quarter of the largest. Then it is wide enough that small changes look small.
export function upright(low, high, unit) {
  const room = Math.max(high - low, Math.abs(high) / 8, unit === 'bytes' ? 4096 : 4);
  if (low >= 0 && high - low > high / 4 || high <= room) low = Math.min(low, 0);
  else low = (low + high - room) / 2;
  const step = Math.max(round(Math.max(high - low, room) / 4, unit), 1);
  const min = Math.floor(low / step) * step;
  return {min, max: Math.max(Math.ceil(high / step) * step, min + step), step};
}

// Seconds before now: half a minute, or one, two, five or ten minutes.
export const back = seconds => [30, 60, 120, 300, 600].find(n => n >= seconds) || 600;
