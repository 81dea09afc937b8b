"use strict";
(() => {
  const box = document.querySelector(".scroll"), sheet = document.querySelector(".sheet");
  const problems = [...document.querySelectorAll(".row.problem")];
  let scale = 1, at = -1;
  const zoom = (step) => {
    scale = step === 0 ? 1 : Math.min(4, Math.max(0.25, scale * 1.25 ** step));
    sheet.style.zoom = scale;
  };
  const show = (row) => {
    const place = row.getBoundingClientRect(), frame = box.getBoundingClientRect();
    box.scrollTop += place.top - frame.top - frame.height / 2;
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.zoom) zoom(Number(button.dataset.zoom));
    if (button.dataset.problem && problems.length) {
      at = (at + Number(button.dataset.problem) + problems.length) % problems.length;
      show(problems[at]);
      history.replaceState(null, "", "#" + problems[at].id);
    }
  });
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1 : -1);
  }, { passive: false });
  if (!problems.length) document.querySelectorAll("[data-problem]").forEach((each) => each.remove());
})();
