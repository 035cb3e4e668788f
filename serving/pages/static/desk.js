// Pages work without this file. With it, filters apply at once, a claim changes its row alone, messages can be copied.
"use strict";

for (const form of document.querySelectorAll("form[data-at-once]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

// an empty choice needs no place in the address
for (const form of document.querySelectorAll("form[method=get]")) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData.entries()]) {
      if (value === "") event.formData.delete(name);
    }
  });
}

// a second click on the same button sends nothing
for (const form of document.querySelectorAll("form[method=post]:not([data-swap])")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// the row of a claim is exchanged; whatever goes wrong, the form is sent as without script
document.addEventListener("submit", async (event) => {
  const form = event.target;
  const row = form.matches("form[data-swap]") && form.closest("tr");
  if (!row || !event.submitter) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  event.submitter.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const id = row.querySelector("input[name=customer_id]").value;
    const found = [...page.querySelectorAll("table.list tbody tr")].find(
      (one) => one.querySelector("input[name=customer_id]")?.value === id
    );
    if (!answer.ok || !found) throw new Error("no such row");
    row.replaceWith(found);
    found.querySelector("button")?.focus();
  } catch {
    const button = event.submitter;
    button.disabled = false;
    form.removeAttribute("data-swap");
    form.requestSubmit(button);
  }
});

const message = document.getElementById("message") || document.getElementById("token");
if (message && navigator.clipboard && document.body.dataset.copy) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small";
  button.textContent = document.body.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(message.textContent.trim());
    button.textContent = document.body.dataset.copied;
  });
  message.after(button);
}
