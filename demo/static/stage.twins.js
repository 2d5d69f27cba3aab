// The two lanes, live: whatever the stage's state says of them, no figure of our own.
"use strict";
(() => {
  const box = document.getElementById("twins");
  if (!box) return;
  const words = { green: ["●", "원활"], yellow: ["▲", "지연"], red: ["■", "혼잡"], grey: ["✕", "선택불가"] };
  const faults = { server: "서버 멈춤", page: "화면 멈춤", down: "꺼짐", slow: "느려짐" };
  const put = (el, text) => { if (el && el.textContent !== text) el.textContent = text; };
  const part = (el, name) => el.querySelector(`[data-t="${name}"]`);
  const both = (el, ko, en) => {
    if (el.dataset.said === ko) return;
    el.dataset.said = ko;
    const small = document.createElement("small");
    small.lang = "en";
    small.textContent = en;
    el.replaceChildren(ko + " ", small);
  };
  function door(cell, d, crowded) {
    const [shape, word] = words[d.light] || ["○", "모름"], light = part(cell, "light");
    if (light.dataset.light !== d.light) {
      light.dataset.light = d.light;
      light.title = word;
      const mark = document.createElement("span");
      mark.setAttribute("aria-hidden", "true");
      mark.textContent = shape;
      light.replaceChildren(mark, " " + word);
    }
    put(part(cell, "there"), String(d.there));
    put(part(cell, "advised"), (100 * d.advised).toFixed(0));
    cell.classList.toggle("led", d.advised >= 0.5);
    part(cell, "bar").setAttribute("width", (100 * Math.min(d.there / crowded, 1)).toFixed(1));
  }
  document.addEventListener("stage", (e) => {
    const s = e.detail.twins;
    if (!s) return;
    both(part(box, "clock"), s.clock.ko, s.clock.en);
    for (const side of ["left", "right"]) {
      for (const d of s[side].doors) {
        const row = box.querySelector(`[data-door="${d.id}"]`);
        if (row) door(row.querySelector(`[data-side=${side}]`), d, s.crowded);
      }
      for (const row of box.querySelectorAll("[data-fate]")) {
        const n = s[side][row.dataset.fate], took = row.dataset.fate.endsWith("_s");
        put(row.querySelector(`[data-side=${side}]`), took && s[side].in === 0 ? "–" : n.toFixed(0));
      }
    }
    for (const row of box.querySelectorAll("[data-door]")) {
      const fault = part(row, "fault"), what = s.fault[row.dataset.door] || "";
      fault.hidden = !what;
      put(fault, faults[what] || what);
    }
    const verdict = document.getElementById("verdict");
    verdict.hidden = !s.told;
    if (s.told) both(verdict, s.told.ko, s.told.en);
  });
})();
