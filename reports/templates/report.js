const open = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (!target || !target.closest("#cells")) return;
  for (let e = target; e; e = e.parentElement) {
    e.hidden = false;
    if (e.tagName === "DETAILS") e.open = true;
  }
  target.scrollIntoView();
};
addEventListener("hashchange", open);
open();

const show = document.getElementById("show");
const subject = document.getElementById("subject");
const filter = () => {
  for (const section of document.querySelectorAll("[data-subject]")) {
    section.hidden = subject.value !== "" && section.dataset.subject !== subject.value;
  }
  for (const cell of document.querySelectorAll("details.cell")) {
    cell.hidden = show.value === "findings" && cell.dataset.defects === "no";
  }
  for (const path of document.querySelectorAll("details.path")) {
    path.hidden = !path.querySelector("details.cell:not([hidden])");
  }
};
document.getElementById("controls").hidden = false;
show.addEventListener("change", filter);
subject.addEventListener("change", filter);

const toggleAll = (state) => {
  for (const path of document.querySelectorAll("details.path:not([hidden])")) path.open = state;
};
document.getElementById("unfold").addEventListener("click", () => toggleAll(true));
document.getElementById("fold").addEventListener("click", () => toggleAll(false));

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const code = button.parentElement.querySelector("pre");
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
document.addEventListener("keydown", (event) => {
  const cell = event.target.closest && event.target.closest(".matrix td");
  const step = steps[event.key];
  if (!cell || !step) return;
  const row = cell.parentElement;
  const next = row.parentElement.rows[row.sectionRowIndex + step[0]];
  const link = next && next.cells[cell.cellIndex + step[1]]?.querySelector("td > a");
  if (link) {
    event.preventDefault();
    link.focus();
  }
});
