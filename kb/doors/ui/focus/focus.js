// Streamlit draws the field after this element or before it: wait for it, a second at most.

const WAIT_MS = 1000;
const turns = new WeakMap();

export default function (component) {
  const { parentElement: root, data } = component;
  if (turns.get(root) === data.turn) return;
  turns.set(root, data.turn);
  const until = performance.now() + WAIT_MS;
  const reach = () => {
    const field = document.querySelector(`.st-key-${CSS.escape(data.key)} input`);
    if (field && !field.disabled) field.focus();
    else if (performance.now() < until) requestAnimationFrame(reach);
  };
  reach();
}
