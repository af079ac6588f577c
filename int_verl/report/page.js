"use strict";
// Copy buttons, and figures saved as PNG.
(() => {
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.previousElementSibling;
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {  // a page from a disk may not be let: the text is selected instead
        getSelection().selectAllChildren(code);
        button.textContent = document.execCommand("copy") ? "Copied" : "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  const standing = (svg) => {
    const copy = svg.cloneNode(true);
    const style = getComputedStyle(svg);
    const [, , width, height] = svg.getAttribute("viewBox").split(" ");
    copy.setAttribute("width", width);
    copy.setAttribute("height", height);
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.style.fontFamily = style.fontFamily;
    const text = new XMLSerializer().serializeToString(copy);
    return text.replace(/var\((--[a-z]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  };
  for (const button of document.querySelectorAll("button.png")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const svg = button.closest("figure").querySelector("svg");
      const image = new Image();
      image.addEventListener("load", () => {
        const canvas = document.createElement("canvas");
        canvas.width = 3 * image.width;
        canvas.height = 3 * image.height;
        const context = canvas.getContext("2d");
        context.fillStyle = getComputedStyle(svg).getPropertyValue("--card");
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(image, 0, 0, canvas.width, canvas.height);
        const link = document.createElement("a");
        link.download = `${button.dataset.name}.png`;
        link.href = canvas.toDataURL("image/png");
        link.click();
      });
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standing(svg))}`;
    });
  }
})();
