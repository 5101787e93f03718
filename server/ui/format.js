// Figures for people, in three digits.
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(n) {
  let unit = 0;
  while (Math.abs(n) >= 1024 && unit < BINARY.length - 1) {
    n /= 1024;
    unit++;
  }
  const places = unit === 0 || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2;
  return `${n.toLocaleString('en', {minimumFractionDigits: places, maximumFractionDigits: places})} ${BINARY[unit]}`;
}

export const count = n => n.toLocaleString('en');
export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
