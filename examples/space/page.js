() => {
  // Drags over the picture, in its own pixels, written to the hidden field that the server listens to.
  const MIN_PIXELS = 6;
  let drag = null;
  const inPicture = (event) => event.target instanceof Element && event.target.closest("#picture img");

  function place(frame, event) {
    const left = Math.min(drag.x, event.clientX), top = Math.min(drag.y, event.clientY);
    const right = Math.max(drag.x, event.clientX), bottom = Math.max(drag.y, event.clientY);
    Object.assign(frame.style, {left: `${left}px`, top: `${top}px`, width: `${right - left}px`,
      height: `${bottom - top}px`});
  }

  document.addEventListener("dragstart", (event) => { if (inPicture(event)) event.preventDefault(); });
  document.addEventListener("pointerdown", (event) => {
    const image = inPicture(event);
    if (image && event.button === 0) drag = {image, x: event.clientX, y: event.clientY, frame: null};
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    if (!drag.frame && Math.hypot(event.clientX - drag.x, event.clientY - drag.y) >= MIN_PIXELS) {
      drag.frame = document.createElement("div");
      drag.frame.id = "dragged";
      document.body.append(drag.frame);
    }
    if (drag.frame) place(drag.frame, event);
  });
  document.addEventListener("pointercancel", () => { drag?.frame?.remove(); drag = null; });
  document.addEventListener("pointerup", (event) => {
    if (!drag) return;
    const {image, x, y, frame} = drag;
    drag = null;
    if (!frame) return;
    frame.remove();
    // The click that ends a drag marks nothing.
    document.addEventListener("click", (click) => click.stopPropagation(), {capture: true, once: true});
    const box = image.getBoundingClientRect(), scale = image.naturalWidth / box.width;
    const corners = [x - box.left, y - box.top, event.clientX - box.left, event.clientY - box.top];
    const field = document.querySelector("#corners textarea, #corners input");
    // With the time, so that the same corners are another drag.
    field.value = JSON.stringify({pixels: corners.map((pixels) => pixels * scale), at: Date.now()});
    field.dispatchEvent(new Event("input", {bubbles: true}));
  });

  // Loops around what was repaired: recording (A), repair (B) and one of the two (X), all running, one heard.
  const NAMES = ["A", "B", "X"];
  const FADE_SECONDS = 0.005;
  let context = null, sounds = null, playing = null, heard = "A", hidden = "A", loops = [], number = 0;
  const comparer = () => document.querySelector("#comparer");

  function tell(text) {
    const element = comparer();
    if (!element) return;
    element.dataset.heard = playing ? heard : "";
    element.dataset.loop = (loops[number] ?? []).join(" ");
    for (const button of element.querySelectorAll("[data-hear]"))
      button.setAttribute("aria-pressed", String(Boolean(playing) && button.dataset.hear === heard));
    element.querySelector("[data-do=play]").textContent = playing ? "Stop" : "Play the loop";
    if (text) element.querySelector(".told").textContent = text;
  }

  function stop() {
    playing?.sources.forEach((source) => source.stop());
    playing = null;
  }

  function hear(name) {
    heard = name;
    if (!playing) return start();
    const sounding = name === "X" ? hidden : name;
    for (const [which, gain] of Object.entries(playing.gains))
      gain.gain.setTargetAtTime(which === sounding ? 1 : 0, context.currentTime, FADE_SECONDS);
    tell();
  }

  async function start() {
    stop();
    if (!sounds) return;
    context ??= new AudioContext();
    await context.resume();
    const buffers = await sounds();
    const [first, last] = loops[number] ?? [0, buffers.A.duration];
    const gains = {}, sources = [], at = context.currentTime + 0.05;
    for (const [name, buffer] of Object.entries(buffers)) {
      const source = new AudioBufferSourceNode(context, {buffer, loop: true, loopStart: first, loopEnd: last});
      gains[name] = new GainNode(context, {gain: 0});
      source.connect(gains[name]).connect(context.destination);
      source.start(at, first);
      sources.push(source);
    }
    playing = {sources, gains};
    hear(heard);
  }

  window.compareLoops = (text, before, after) => {
    if (!before?.url || !after?.url) return;
    stop();
    loops = JSON.parse(text || "[]");
    [number, heard, hidden] = [0, "A", Math.random() < 0.5 ? "A" : "B"];
    let decoded = null;
    const read = async (file) => context.decodeAudioData(await (await fetch(file.url)).arrayBuffer());
    sounds = () => decoded ??= Promise.all([read(before), read(after)]).then(([A, B]) => ({A, B}));
    tell("The key x changes from A to B to X, while what lies around a repair is repeated.");
  };

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("#comparer button");
    if (!button) return;
    const {hear: name, do: action} = button.dataset;
    if (name) hear(name);
    else if (action === "play") { if (playing) { stop(); tell(); } else start(); }
    else if (action === "next" && loops.length) {
      number = (number + 1) % loops.length;
      start().then(() => tell(`Place ${number + 1} of ${loops.length}.`));
    } else if (action === "reveal") {
      tell(`X was ${hidden}. It is drawn anew.`);
      hidden = Math.random() < 0.5 ? "A" : "B";
      if (playing) hear(heard);
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, [contenteditable]") || !comparer()) return;
    hear(playing ? NAMES[(NAMES.indexOf(heard) + 1) % NAMES.length] : heard);
  });

  return Math.max(300, Math.min(document.documentElement.clientWidth - 60, 1200));
}
