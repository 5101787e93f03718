// Shows one sentence about the last action, also for screen readers.
let timer;

export function say(text) {
  const said = document.getElementById('said');
  said.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => { said.textContent = ''; }, 8000);
}
