// Applies a chosen colour scheme before anything is painted. It is the one script that is no module, since modules wait.
try {
  const chosen = localStorage.getItem("pullcord-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Without storage the system's scheme holds.
}
