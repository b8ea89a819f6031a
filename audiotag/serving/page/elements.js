// Elements of the page.

export const $ = (id) => document.getElementById(id);

export function element(kind, text = "", name = "") {
  const made = document.createElement(kind);
  made.textContent = text;
  if (name) made.className = name;
  return made;
}

// An item of a list, a button that does something.
export function choice(parts, act) {
  const button = element("button"), item = element("li");
  button.type = "button";
  button.append(...parts);
  button.onclick = act;
  item.append(button);
  return item;
}
