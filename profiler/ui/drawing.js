// A line over time, drawn by Chart.js: a figure against the seconds before now, with its error as a band,
// and a mark for each snapshot.
import './chart.js'; // Debian's file, which defines a global
import {back, upright} from './axis.js';
import {round} from './format.js';

const {Chart} = globalThis;

const colour = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

const ago = seconds => seconds === 0 ? 'now' : seconds > -60 ? `${-seconds} s` : `${-seconds / 60} min`;

const marks = {
  id: 'marks',
  beforeDatasetsDraw(chart, _, {at, ink}) {
    const {ctx, chartArea: area, scales: {x}} = chart;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = ink;
    ctx.font = `${chart.options.font.size}px ${chart.options.font.family}`;
    ctx.setLineDash([4, 4]);
    let free = area.right; // a text is drawn only if there is room for it
    for (const {seconds, text} of at.filter(mark => mark.seconds >= x.min).reverse()) {
      const left = x.getPixelForValue(seconds);
      ctx.beginPath();
      ctx.moveTo(left, area.top);
      ctx.lineTo(left, area.bottom);
      ctx.stroke();
      const width = ctx.measureText(text).width;
      if (left + 4 + width <= free) ctx.fillText(text, left + 4, area.top + chart.options.font.size);
      free = left;
    }
    ctx.restore();
  },
};

export class Drawing {
  constructor(canvas, unit, perSecond) {
    this.canvas = canvas;
    this.unit = unit;
    const line = {pointRadius: 0, borderWidth: 0, borderJoinStyle: 'round'};
    this.chart = new Chart(canvas, {
      type: 'line',
      data: {datasets: [{...line, data: []}, {...line, data: [], fill: '-1'}, {...line, data: [], borderWidth: 3, fill: false},
        {...line, data: [], borderWidth: 1.5, borderDash: [2, 3], fill: false}]},
      plugins: [marks],
      options: {
        animation: false, parsing: false, normalized: true, maintainAspectRatio: false, events: [],
        plugins: {legend: {display: false}, tooltip: {enabled: false}, marks: {at: [], ink: ''}},
        scales: {
          x: {type: 'linear', min: -30, max: 0, border: {display: false}, grid: {display: false}, ticks: {callback: ago, maxRotation: 0}},
          y: {ticks: {callback: n => round(n, unit) + perSecond}, grid: {drawTicks: false, drawBorder: false}},
        },
      },
    });
    this.dress();
  }

  // The colours of the light or dark theme, again after a change.
  dress() {
    const {options, data: {datasets: [low, high, middle, part]}} = this.chart;
    const root = document.documentElement, size = parseFloat(getComputedStyle(root).fontSize) * 0.72;
    options.font = {size, family: getComputedStyle(root).fontFamily};
    options.color = options.plugins.marks.ink = colour(root, '--quiet');
    for (const axis of Object.values(options.scales)) {
      axis.ticks.color = colour(root, '--quiet');
      axis.ticks.font = options.font;
    }
    options.scales.y.grid.color = colour(root, '--line');
    middle.borderColor = middle.backgroundColor = colour(this.canvas, '--colour');
    low.borderColor = high.borderColor = 'transparent';
    part.borderColor = colour(root, '--ink');
    high.backgroundColor = colour(root, '--heap-band');
    this.chart.update();
  }

  // rows: {time, n, error, part}, oldest first. `part`, if given, is a part of n and has its own line.
  // snapshots: {time, text}. Times in ms.
  show(rows, snapshots) {
    if (!rows.length) return;
    const {options, data: {datasets: [low, high, middle, part]}} = this.chart;
    const now = rows[rows.length - 1].time, at = row => (row.time - now) / 1000;
    const span = back(-at(rows[0]));
    middle.data = rows.map(row => ({x: at(row), y: row.n}));
    part.data = rows.filter(row => row.part !== undefined).map(row => ({x: at(row), y: row.part}));
    low.data = rows.map(row => ({x: at(row), y: row.n - (row.error || 0)}));
    high.data = rows.map(row => ({x: at(row), y: row.n + (row.error || 0)}));
    const {min, max, step} = upright(Math.min(...rows.map(row => Math.min(row.n, row.part ?? row.n))), Math.max(...rows.map(row => row.n + (row.error || 0))), this.unit);
    Object.assign(options.scales.y, {min, max});
    options.scales.y.ticks.stepSize = step;
    options.scales.x.min = -span;
    options.scales.x.ticks.stepSize = span / 2;
    options.plugins.marks.at = snapshots.map(({time, text}) => ({seconds: (time - now) / 1000, text}));
    this.chart.update('none');
  }

  end() {
    this.chart.destroy();
  }
}
