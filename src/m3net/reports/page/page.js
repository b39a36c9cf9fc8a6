"use strict";
(() => {
  const glance = document.getElementById("glance");
  const told = document.getElementById("told");
  const data = document.getElementById("sprite");
  const sprite = data ? JSON.parse(data.textContent) : { columns: 1, names: [] };
  const REACH = 5; // of a map's 100: the largest distance of the pointer from the point it shows
  let current = null;

  const position = (use) => ({ x: Number(use.getAttribute("x")), y: Number(use.getAttribute("y")) });

  function hide() {
    if (current) current.classList.remove("near");
    current = null;
    glance.hidden = true;
  }

  function show(use, speak) {
    if (use === current) return;
    hide();
    current = use;
    use.classList.add("near");
    const number = Number(use.dataset.tile);
    const group = use.parentNode.dataset.name;
    const name = sprite.names[number];
    const tile = glance.querySelector(".tile");
    glance.hidden = false;
    const side = tile.offsetWidth;
    tile.style.backgroundSize = `${side * sprite.columns}px auto`;
    tile.style.backgroundPosition =
      `${-side * (number % sprite.columns)}px ${-side * Math.floor(number / sprite.columns)}px`;
    glance.querySelector(".group").textContent = group;
    glance.querySelector(".name").textContent = name;
    if (speak) told.textContent = `${group}, ${name}`;
    const box = use.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = glance;
    const beside = box.right + 12 + width > innerWidth ? box.left - 12 - width : box.right + 12;
    const left = Math.min(Math.max(4, beside), innerWidth - width - 4);
    const top = Math.min(Math.max(4, box.top - height / 2), innerHeight - height - 4);
    glance.style.left = `${left}px`;
    glance.style.top = `${top}px`;
  }

  function nearest(svg, event) {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * 100;
    const y = (event.clientY - box.top) / box.height * 100;
    let best = null, least = REACH;
    for (const use of svg.querySelectorAll("g:not(.dim) use")) {
      const at = position(use);
      const distance = Math.hypot(at.x - x, at.y - y);
      if (distance < least) [best, least] = [use, distance];
    }
    return best;
  }

  function neighbour(svg, from, right, down) {
    const here = position(from);
    let best = null, least = Infinity;
    for (const use of svg.querySelectorAll("g:not(.dim) use")) {
      const at = position(use);
      const ahead = (at.x - here.x) * right + (at.y - here.y) * down;
      const aside = Math.abs((at.x - here.x) * down + (at.y - here.y) * right);
      if (use === from || ahead <= 0 || aside > ahead) continue;
      if (ahead + aside < least) [best, least] = [use, ahead + aside];
    }
    return best;
  }

  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  for (const svg of document.querySelectorAll(".plane > svg")) {
    const point = (event) => {
      const use = nearest(svg, event);
      if (use) show(use, false); else hide();
    };
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(); });
    svg.addEventListener("focus", () => {
      const first = svg.querySelector("g:not(.dim) use");
      if (svg.matches(":focus-visible") && first) show(first, true);
    });
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
      if (!(event.key in ways)) return;
      event.preventDefault();
      const inside = current && svg.contains(current);
      const from = inside ? current : svg.querySelector("g:not(.dim) use");
      const next = inside ? neighbour(svg, from, ...ways[event.key]) : from;
      if (next) show(next, true);
    });
  }
  addEventListener("scroll", hide, { passive: true });

  for (const list of document.querySelectorAll(".marks")) {
    const buttons = [...list.querySelectorAll("button")];
    const groups = [...list.parentNode.querySelectorAll("svg > g")];
    buttons.forEach((button, chosen) => button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") !== "true";
      buttons.forEach((other) => other.setAttribute("aria-pressed", "false"));
      button.setAttribute("aria-pressed", String(pressed));
      groups.forEach((group, index) => group.classList.toggle("dim", pressed && index !== chosen));
      hide();
    }));
  }

  const links = new Map();
  for (const link of document.querySelectorAll(".contents a")) {
    links.set(document.getElementById(link.hash.slice(1)), link);
  }
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target).setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-15% 0px -80% 0px" });
  for (const section of links.keys()) watch.observe(section);
})();
