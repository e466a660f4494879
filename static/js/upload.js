// Files dropped or chosen go up one by one, each with its own progress and its own outcome.
"use strict";

const form = document.getElementById("upload");

if (form) {
  const says = form.dataset;
  const drop = document.getElementById("drop");
  const input = document.getElementById("files");
  const area = document.getElementById("uploads");
  const list = document.getElementById("uploads-list");
  const said = document.getElementById("uploads-said");
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;

  // 403: the form is older than the session.
  const refusedWith = { 401: says.saysSignedOut, 403: says.saysSignedOut, 413: says.saysTooLarge };

  const refusalOf = (file) => {
    const extension = file.name.toLowerCase().split(".").pop();
    if (extension === "doc") return says.saysOldWord;
    if (!["docx", "pdf", "txt", "md", "markdown"].includes(extension)) return says.saysWrongType;
    if (file.size === 0) return says.saysEmpty;
    if (file.size > Number(says.sizeAtMost)) return says.saysTooLarge;
    return "";
  };

  const element = (tag, className, text = "") => {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  };

  const addRow = (name) => {
    const row = element("li", "upload");
    const state = element("span", "upload__state", says.saysWaiting);
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute("aria-label", name);
    row.append(element("span", "upload__name", name), state, bar);
    list.append(row);
    return {
      progress: (share) => {
        bar.value = share;
        state.textContent = `${Math.round(share * 100)}%`;
      },
      refuse: (words) => {
        bar.remove();
        state.textContent = "";
        row.append(element("p", "upload__error", words));
        said.textContent = `${name}: ${words}`;
      },
      accept: (address) => {
        bar.value = 1;
        state.textContent = says.saysReceived;
        row.dataset.address = address;
        said.textContent = `${name}: ${says.saysReceived}`;
      },
      element: row,
    };
  };

  // What was received stands in the list below by now: one line is enough for it here. Refusals stay.
  const sumUp = (rows, batch) => {
    const received = rows.map(({ row }) => row.element).filter((row) => row.dataset.address);
    if (received.length === 0) return;
    const link = element("a", "", batch ? says.saysBatch : says.saysOpen);
    link.href = batch ? batch.address : received[0].dataset.address;
    const line = element("li", "upload__sum", `${says.saysReceived}: ${received.length} · `);
    line.append(link);
    received[0].before(line);
    for (const row of received) row.remove();
  };

  const send = (file, batch, row) =>
    new Promise((done) => {
      const body = new FormData();
      body.append("files", file);
      if (batch) body.append("batch", batch);
      const request = new XMLHttpRequest();
      request.open("POST", form.action);
      request.setRequestHeader("X-CSRFToken", token);
      request.setRequestHeader("Accept", "application/json");
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => row.progress(event.loaded / event.total));
      request.addEventListener("error", () => row.refuse(says.saysNoConnection));
      request.addEventListener("load", () => {
        const outcome = request.status === 200 ? request.response?.files?.[0] : null;
        if (outcome?.address) row.accept(outcome.address);
        else row.refuse(outcome?.error || refusedWith[request.status] || says.saysFailed);
      });
      request.addEventListener("loadend", () => {
        // The list below asks for itself again.
        document.body.dispatchEvent(new Event("submitted"));
        done();
      });
      request.send(body);
    });

  const openBatch = async () => {
    try {
      const headers = { "X-CSRFToken": token, Accept: "application/json" };
      const reply = await fetch(says.batchAddress, { method: "POST", headers });
      return reply.ok ? await reply.json() : null;
    } catch {
      return null;
    }
  };

  const take = async (chosen) => {
    const most = Number(says.filesAtMost);
    const rows = chosen.slice(0, most).map((file) => ({ file, row: addRow(file.name) }));
    area.hidden = rows.length === 0;
    if (chosen.length > most) list.append(element("li", "upload__error", says.saysTooMany));
    const good = rows.filter(({ file, row }) => {
      const refusal = refusalOf(file);
      if (refusal) row.refuse(refusal);
      return !refusal;
    });
    const batch = good.length > 1 ? await openBatch() : null;
    for (const { file, row } of good) await send(file, batch?.id, row);
    sumUp(good, batch);
  };

  input.addEventListener("change", () => {
    const chosen = [...input.files];
    input.value = "";
    take(chosen);
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    drop.addEventListener(name, () => drop.classList.remove("is-over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  // A paper dropped beside the field would otherwise replace the page.
  for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());
}
