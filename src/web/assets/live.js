// Shows progress as it happens. Every page works without it.
"use strict";

(() => {
  const table = document.querySelector("table[data-live]");
  if (table && window.EventSource) {
    let last = new Map();
    const told = document.getElementById("told");
    const rowOf = (name) => table.querySelector(`tr[data-name="${CSS.escape(name)}"]`);

    const show = (one) => {
      const row = rowOf(one.name);
      const verdict = row && row.querySelector(".verdict");
      if (!verdict) return;
      row.className = one.state === "running" ? "running" : "due";
      const rows = one.rows ? `, ${one.rows.toLocaleString("en")} rows` : "";
      verdict.textContent = one.state === "running" ? `▶ running${rows}` : "◷ due";
    };

    // A run has ended: the server says what its row looks like now.
    const renew = async (name) => {
      const row = rowOf(name);
      if (!row) return;
      const answer = await fetch(`/reports/${encodeURIComponent(name)}/row`);
      if (!answer.ok) return;
      const holder = document.createElement("tbody");
      holder.innerHTML = await answer.text();
      const fresh = holder.querySelector("tr");
      if (!fresh) return;
      const ticked = row.querySelector("input[type=checkbox]:checked");
      row.replaceWith(fresh);
      if (ticked) fresh.querySelector("input[type=checkbox]").checked = true;
      if (told) told.textContent = `${name}: ${fresh.querySelector(".verdict").textContent.trim()}`;
    };

    const events = new EventSource("/events");
    events.onmessage = (event) => {
      const now = new Map(JSON.parse(event.data).map((one) => [one.name, one]));
      now.forEach(show);
      for (const name of last.keys()) if (!now.has(name)) renew(name);
      // Whatever the page shows as running and the daemon does not know any more has ended before we listened.
      for (const row of table.querySelectorAll("tr.running")) {
        // Those that ended while we listened are being renewed by now.
        if (!now.has(row.dataset.name) && !last.has(row.dataset.name)) renew(row.dataset.name);
      }
      last = now;
    };
    window.addEventListener("pagehide", () => events.close());
  }

  const form = document.querySelector("form[data-check]");
  const coming = document.getElementById("coming");
  if (form && coming) {
    let waiting = 0;
    let asked = 0;
    const look = async () => {
      const mine = ++asked;
      const answer = await fetch(form.dataset.check, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
      });
      if (answer.ok && mine === asked) coming.innerHTML = await answer.text();
    };
    form.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(look, 600);
    });

    // Rows are added and removed without a round trip; the buttons do the same on the server.
    form.addEventListener("click", (event) => {
      const button = event.target.closest("button[name=do]");
      if (!button) return;
      const filters = form.querySelector("#filters");
      const empty = (row) => {
        row.querySelectorAll("input").forEach((input) => { input.value = ""; });
        row.querySelector("select").selectedIndex = 0;
      };
      if (button.value === "add-filter") {
        event.preventDefault();
        const rows = filters.querySelectorAll(".row");
        const row = rows[rows.length - 1].cloneNode(true);
        empty(row);
        rows[rows.length - 1].after(row);
        row.querySelector("select").focus();
      } else if (button.value.startsWith("remove-filter")) {
        event.preventDefault();
        // One row stays, to be filled again.
        if (1 < filters.querySelectorAll(".row").length) button.closest(".row").remove();
        else empty(button.closest(".row"));
        look();
      }
    });
  }
})();
