// In the marked text: show a sentence's probability on pointing, or walk through sentences with the arrows.
"use strict";

const sheet = document.getElementById("sheet-text");
const tip = document.getElementById("tip");

if (sheet && tip) {
  const says = sheet.dataset;
  const names = { ai: says.saysAi, human: says.saysHuman, polished: says.saysPolished, inconclusive: says.saysInconclusive };
  let current = null;

  const show = (mark) => {
    if (!mark) {
      tip.hidden = true;
      return;
    }
    const [name, detail] = tip.children;
    if (mark.classList.contains("x")) {
      name.textContent = says.saysExcluded;
      detail.textContent = mark.dataset.reason;
    } else {
      name.textContent = names[[...mark.classList].find((word) => word.startsWith("s-")).slice(2)];
      detail.textContent = `${says.saysProbability} ${mark.dataset.p}`;
    }
    tip.hidden = false;
    const line = mark.getClientRects()[0];
    const left = Math.min(line.left, document.documentElement.clientWidth - tip.offsetWidth - 12);
    // Setting single properties is what a strict content-security policy allows.
    tip.style.left = `${Math.max(left, 12) + scrollX}px`;
    tip.style.top = `${line.top + scrollY - tip.offsetHeight - 6}px`;
  };

  const step = (distance) => {
    const sentences = [...sheet.querySelectorAll(".s")];
    const next = sentences[sentences.indexOf(current) + distance] ?? current ?? sentences[0];
    current?.classList.remove("is-current");
    current = next;
    if (!current) return;
    current.classList.add("is-current");
    current.scrollIntoView({ block: "nearest" });
    show(current);
  };

  sheet.addEventListener("pointerover", (event) => show(event.target.closest(".s, .x")));
  sheet.addEventListener("pointerleave", () => show(null));
  sheet.addEventListener("blur", () => {
    current?.classList.remove("is-current");
    show(null);
  });
  sheet.addEventListener("keydown", (event) => {
    const distance = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!distance || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    step(distance);
  });
  document.body.append(tip);
}
