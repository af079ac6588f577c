"use strict";
(() => {
  const rows = [...document.querySelectorAll("article.row")];
  const controls = document.querySelector(".controls");
  if (!rows.length || !controls) return;
  const [filter, chooser] = controls.querySelectorAll("select");
  const [back, forward] = controls.querySelectorAll("button");
  let shown = rows;

  const show = (i) => {
    rows.forEach((row) => { row.hidden = true; });
    if (!shown.length) return;
    chooser.selectedIndex = (i + shown.length) % shown.length;
    shown[chooser.selectedIndex].hidden = false;
  };
  const refill = () => {
    shown = rows.filter((row) => filter.value === "all" || row.dataset.status === filter.value);
    chooser.replaceChildren(...shown.map((row) => new Option(row.dataset.title)));
    show(0);
  };
  filter.addEventListener("change", refill);
  chooser.addEventListener("change", () => show(chooser.selectedIndex));
  back.addEventListener("click", () => show(chooser.selectedIndex - 1));
  forward.addEventListener("click", () => show(chooser.selectedIndex + 1));
  controls.hidden = false;
  refill();
})();
