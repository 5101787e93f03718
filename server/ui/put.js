// Sets the text of an element only if it changes: otherwise a screen reader would read it again.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
