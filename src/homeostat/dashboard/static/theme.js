// Before the first paint: the theme that was chosen, if any; else the system's holds.
(() => {
  try {
    const chosen = localStorage.getItem("homeostat.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // storage may be forbidden; then the system's theme holds
  }
})();
