// The control page with JavaScript: every change is sent at once, and changes
// made elsewhere appear. Without it the form does the same by its button.
"use strict";
(() => {
  const form = document.getElementById("panel");
  const said = document.getElementById("said");
  if (!form || !said) return;
  const numbers = ["latency_ms", "capacity_per_s", "error_rate"];
  document.getElementById("apply").hidden = true;
  const switches = ["hang", "page_hang", "down"];
  const sliders = new Map();
  for (const s of form.querySelectorAll("input[type=range]")) {
    sliders.set(s.dataset.for, s);
    s.hidden = false;
  }

  function show(c) {
    for (const name of numbers) {
      const box = document.getElementById(name);
      const slider = sliders.get(name);
      if (document.activeElement !== box) box.value = c[name];
      if (document.activeElement !== slider) slider.value = c[name];
    }
    for (const name of switches) document.getElementById(name).checked = c[name];
    for (const id of ["approve-" + c.approve, "fault-" + (c.fault || "none")]) {
      const radio = document.getElementById(id);
      if (radio) radio.checked = true;
    }
  }

  let busy = 0;
  async function send(change) {
    busy++;
    try {
      const r = await fetch("/control", {
        method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(change),
      });
      const answer = await r.json();
      if (r.ok) {
        said.textContent = "바꾸었습니다. Changed.";
        show(answer);
      } else {
        said.textContent = "바꾸지 못했습니다. Not changed: " + answer.field + " " + answer.error;
      }
    } catch {
      said.textContent = "서버에 닿지 않습니다. The server cannot be reached.";
    } finally {
      busy--;
    }
  }

  for (const [name, slider] of sliders) {
    slider.addEventListener("input", () => { document.getElementById(name).value = slider.value; });
    slider.addEventListener("change", () => send({ [name]: Number(slider.value) }));
  }
  form.addEventListener("change", (e) => {
    const t = e.target;
    if (numbers.includes(t.name)) {
      if (t.value !== "") send({ [t.name]: Number(t.value) });
    } else if (switches.includes(t.name)) {
      send({ [t.name]: t.checked });
    } else if (t.name === "approve" || t.name === "fault") {
      send({ [t.name]: t.value });
    }
  });
  form.addEventListener("submit", (e) => e.preventDefault());

  setInterval(async () => {
    if (busy || document.hidden) return;
    try {
      const r = await fetch("/control");
      if (r.ok && !busy) show(await r.json());
    } catch { /* the next round tells */ }
  }, 2000);
})();
