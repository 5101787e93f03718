// Sends a number of requests per second for a number of seconds, to make a visible curve. Limits protect
// the page and the server: if too many requests are pending, further ones are skipped, and the first
// refusal ends the load.
export const LIMITS = {rate: 200, seconds: 300};
const UNDER_WAY = 4, TICK_MS = 40;

// send() makes one request. tell({sent, done, due, running, failure}) reports the progress. Returns stop().
export function load(rate, seconds, send, tell) {
  const start = performance.now(), due = Math.ceil(rate * seconds);
  const state = {sent: 0, done: 0, due, running: true, failure: null};
  let skipped = 0, underWay = 0, timer;

  const end = failure => {
    clearInterval(timer);
    if (!state.running) return;
    Object.assign(state, {running: false, failure});
    tell(state);
  };
  const one = async () => {
    state.sent++;
    underWay++;
    try {
      await send();
      state.done++;
    } catch (failure) {
      end(failure);
    }
    underWay--;
    if (state.running) tell(state);
  };
  const tick = () => {
    const elapsed = (performance.now() - start) / 1000;
    let wanted = Math.min(Math.floor(elapsed * rate) + 1, due) - state.sent - skipped;
    for (; wanted > 0 && underWay < UNDER_WAY && state.running; wanted--) one();
    skipped += Math.max(wanted, 0);
    if (elapsed >= seconds && underWay === 0) end(null);
  };
  timer = setInterval(tick, TICK_MS);
  tell(state);
  tick();
  return () => end(null);
}
