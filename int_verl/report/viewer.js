// The row viewer: an index of all rows, and blocks of them that are opened when a row of theirs is looked at.
(() => {
  const MATHML = "http://www.w3.org/1998/Math/MathML";
  const CONDITIONS = {
    intervention: "from the intervention", wrong_step: "from the wrong step", prefix: "from the prefix alone",
  };
  const controls = document.querySelector(".controls");
  if (!controls) return;
  const rowsABlock = Number(controls.dataset.rowsABlock);
  const article = document.querySelector("article.row");
  const [filter] = controls.querySelectorAll("select");
  const [search, number, asWritten] = controls.querySelectorAll("input");
  const [back, forward] = controls.querySelectorAll("button");
  const total = controls.querySelector("output");

  const unpack = (id) => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  };
  const blocks = new Map();
  const block = (i) => {
    if (!blocks.has(i)) {
      if (blocks.size >= 8) blocks.delete(blocks.keys().next().value);
      blocks.set(i, unpack(`rows-${i}`));
    }
    return blocks.get(i);
  };

  // Everything below is made of elements and text nodes: what a row says is never read as HTML.
  const element = (tag, name, ...children) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  const mathematics = ([tag, attributes, ...children]) => {
    const made = document.createElementNS(MATHML, tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...children.map((child) => (typeof child === "string" ? child : mathematics(child))));
    return made;
  };
  const formula = ([written, displayed, tree]) => {
    if (asWritten.checked) return written;
    const made = document.createElementNS(MATHML, "math");
    if (displayed) made.setAttribute("display", "block");
    made.append(mathematics(tree));
    const framed = element("span", "math", made);
    framed.title = written;
    return framed;
  };
  const text = (pieces, formulas) => {
    const all = typeof pieces === "string" ? [pieces] : pieces;
    return element("div", "text", ...all.map((p) => (typeof p === "string" ? p : formula(formulas[p]))));
  };
  const label = (words) => element("p", "label", words);

  const steps = (row, formulas, kept) => {
    const list = element("ol", "steps");
    const trained = (role, isFirst) => kept && !kept.tooLong && !kept.texts
      && (role === "intervention" || (role === "before" && kept.prefix && (!isFirst || kept.thinking)));
    const add = (mark, role, pieces, isFirst) => {
      const item = element("li", role, element("span", "", mark), text(pieces, formulas));
      if (trained(role, isFirst)) item.classList.add("trained");
      list.append(item);
    };
    let placed = false;
    const place = () => {
      if (!placed && row.content.length) add("+", "intervention", row.content);
      placed = true;
    };
    for (const [mark, role, pieces] of row.steps) {
      if (role === "after") place();
      add(mark === null ? "…" : mark, role, pieces, mark === null && role === "before");
      if (role === "wrong") place();
    }
    place();
    return list;
  };

  const outcomes = (row) => {
    const table = element("div", "outcomes");
    for (const [condition, all] of Object.entries(row.outcomes)) {
      const dots = element("span", "dots", ...all.map((outcome) => {
        const dot = element("i", outcome);
        dot.title = outcome;
        return dot;
      }));
      dots.setAttribute("role", "img");
      dots.setAttribute("aria-label", all.join(", "));
      const right = all.filter((outcome) => outcome === "correct").length;
      table.append(element("span", "", CONDITIONS[condition] || condition), dots,
        element("span", "", `${right} of ${all.length} right`));
    }
    return table;
  };

  const training = (kept, formulas) => {
    if (!kept) return [];
    const parts = Object.entries(kept.tokens).map(([part, tokens]) => `${part} ${tokens}`).join(", ");
    const says = kept.tooLong ? "left out as longer than sft.max_length" : `${kept.number} of them trained on`;
    const found = [label("What SFT trains on"), element("p", "", `Tokens: ${parts}; ${says}.`)];
    if (kept.texts) {
      const [prefix, own] = kept.texts.map((one) => text(one, formulas));
      if (kept.prefix) prefix.classList.add("trained");
      own.classList.add("trained");
      found.push(...(kept.texts[0].length ? [prefix] : []), own);
    }
    return found;
  };

  const render = (entry, row, formulas) => {
    const [problem, attempt, proposal, location, status] = entry;
    const place = location === null ? "" : `, step ${location}`;
    const title = element("h3", "", `${problem}, attempt ${attempt}${proposal ? `, proposal ${proposal}` : ""}${place} `,
      element("span", `tag ${["kept", "proposed"].includes(status) ? status : "dropped"}`, status));
    const found = [title];
    if (row.problem.length) {
      found.push(element("div", "grid",
        element("div", "", label("Problem"), text(row.problem, formulas), label("Answer"), text(row.answer, formulas)),
        element("div", "", label("Reference solution"), text(row.reference, formulas))));
    }
    found.push(label("Attempt"), steps(row, formulas, row.trained), ...training(row.trained, formulas));
    if (row.verification.length) {
      found.push(label(`Verification, rejected: ${status}`), text(row.verification, formulas));
    }
    if (Object.keys(row.outcomes).length) found.push(label("Continuations"), outcomes(row));
    if (row.continuation.length) {
      const shown = text(row.continuation, formulas);
      const isSuffix = row.trained && row.trained.suffix && !row.trained.tooLong;
      if (isSuffix) shown.classList.add("trained");
      found.push(label(`A guided rollout (${row.came})${isSuffix ? ", which SFT trains on as well" : ""}`), shown);
    }
    article.replaceChildren(...found);
  };

  let index = [];
  let shown = [];
  let asked = 0;
  const show = async (i) => {
    const turn = ++asked;
    total.textContent = shown.length.toLocaleString("en");
    number.max = shown.length;
    if (!shown.length) {
      article.replaceChildren("No such row.");
      return;
    }
    const at = (i + shown.length) % shown.length;
    number.value = at + 1;
    const row = shown[at];
    const opened = await block(Math.floor(row / rowsABlock));
    if (turn === asked) render(index[row], opened.rows[row % rowsABlock], opened.formulas);
  };
  const refill = () => {
    const wanted = search.value.trim().toLowerCase();
    shown = [];
    index.forEach(([problem, , , , status], row) => {
      if ((!filter.value || status === filter.value) && problem.toLowerCase().includes(wanted)) shown.push(row);
    });
    show(0);
  };
  const step = (by) => show(number.valueAsNumber - 1 + by);
  filter.addEventListener("change", refill);
  search.addEventListener("input", refill);
  number.addEventListener("change", () => step(0));
  asWritten.addEventListener("change", () => step(0));
  back.addEventListener("click", () => step(-1));
  forward.addEventListener("click", () => step(1));
  if (typeof DecompressionStream === "undefined") {
    article.textContent = "This browser cannot open compressed rows; the parquet files of the run have them all.";
    return;
  }
  unpack("rows-index").then((rows) => {
    index = rows;
    controls.hidden = false;
    refill();
  });
})();
