// Keys: each action has one binding that its person may change, and perhaps one more that always works.
// Letters go by the key's place (`code`): on a Mac, Option+C is another character.

const RESERVED = /^(Ctrl|Meta)\+[TWNRQ]$|^Alt\+(F4|Tab|D|F|ArrowLeft|ArrowRight)$|^(Tab|Enter|Escape|F5|F11|F12)$/;

const MODIFIER = /^(Control|Alt|AltGraph|Shift|Meta|Dead|Process|Unidentified)$/;

function keyOf(event) {
  if (MODIFIER.test(event.key)) return event.key;
  const letter = /^(?:Key|Digit)(.)$/.exec(event.code)?.[1];
  const held = [event.ctrlKey && "Ctrl", event.metaKey && "Meta", event.altKey && "Alt"].filter(Boolean);
  if (held.length) {
    if (event.shiftKey) held.push("Shift");
    return [...held, letter ?? event.key].join("+");
  }
  return event.key === "？" ? "?" : event.key;
}

function actionOf(event, bindings) {
  const key = keyOf(event).replace("Meta+", "Ctrl+");
  return Object.keys(bindings).find((action) => bindings[action].includes(key));
}

function typing(event) {
  const target = event.composedPath()[0];
  return target?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target?.tagName ?? "");
}

const plain = (key) => !/^(Ctrl|Alt|Meta)\+/.test(key);

// Why a key cannot be taken for an action, '' if it can.
function refusal(key, action, bindings, labels) {
  if (MODIFIER.test(key)) return " ";
  if (RESERVED.test(key)) return labels.key_reserved;
  if (key.length === 1 && /[\p{L}\p{N}\s]/u.test(key)) return labels.key_plain;
  const other = Object.keys(bindings).find((name) => name !== action && bindings[name].includes(key));
  return other ? labels.key_taken.replace("…", labels[`do_${other}`]) : "";
}
