// A photo -> the pixels that the network was trained on -> its answer. Nothing is fetched: model.js and runtime.js hold all of it.
"use strict";

const SHOWN = 5;
const ONE = 2 ** 22; // weights are integers in units of 1 / ONE, as in Pillow, so that sums are rounded alike

// Gzip in base64 -> bytes.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// For each pixel of `to`: where in `from` its weights begin, and the weights. A triangle as wide as the scale, as Pillow's BILINEAR.
function weights(from, to) {
  const scale = from / to, support = Math.max(1, scale), slope = 1 / support;
  return Array.from({ length: to }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5)), last = Math.min(from, Math.trunc(centre + support + 0.5));
    const shares = [];
    for (let at = first; at < last; at++) shares.push(Math.max(0, 1 - Math.abs((at - centre + 0.5) * slope)));
    const total = shares.reduce((sum, one) => sum + one, 0);
    return [first, shares.map((one) => Math.floor(0.5 + one / total * ONE))];
  });
}

// Bytes (height, width, depth) -> bytes (size, size, depth): the longer side first, rounded after each, as Pillow does.
function resized(pixels, width, height, depth, size) {
  if (width === size && height === size) return pixels;
  if (height > width) return across(down(pixels, width, height, depth, size), width, size, depth, size);
  return down(across(pixels, width, height, depth, size), size, height, depth, size);
}

function across(pixels, width, height, depth, size) {
  const result = new Uint8ClampedArray(height * size * depth);
  weights(width, size).forEach(([first, share], x) => {
    for (let y = 0; y < height; y++) for (let c = 0; c < depth; c++) {
      let sum = ONE / 2;
      for (let at = 0; at < share.length; at++) sum += share[at] * pixels[(y * width + first + at) * depth + c];
      result[(y * size + x) * depth + c] = Math.floor(sum / ONE);
    }
  });
  return result;
}

function down(pixels, width, height, depth, size) {
  const result = new Uint8ClampedArray(size * width * depth);
  weights(height, size).forEach(([first, share], y) => {
    for (let x = 0; x < width; x++) for (let c = 0; c < depth; c++) {
      let sum = ONE / 2;
      for (let at = 0; at < share.length; at++) sum += share[at] * pixels[((first + at) * width + x) * depth + c];
      result[(y * width + x) * depth + c] = Math.floor(sum / ONE);
    }
  });
  return result;
}

// What the canvas has (red, green, blue, opacity) -> red, green, blue.
function opaque(pixels) {
  return Uint8ClampedArray.from({ length: pixels.length / 4 * 3 }, (_, at) => pixels[Math.floor(at / 3) * 4 + at % 3]);
}

// Red, green, blue -> gray.
function grey(pixels) {
  return Uint8ClampedArray.from({ length: pixels.length / 3 }, (_, at) => (pixels[3 * at] * 19595 + pixels[3 * at + 1] * 38470 + pixels[3 * at + 2] * 7471 + 32768) >> 16);
}

// A browser keeps the upper half of 16-bit values: right only where white is 65535.
async function refuseDeep(file, levels) {
  const begin = new Uint8Array(await file.slice(0, 25).arrayBuffer());
  if (levels && levels.deep_files.join() !== "0,65535" && begin[0] === 0x89 && begin[24] === 16)
    throw new Error(`this PNG has 16 bits, and the model reads them as ${levels.deep_files.join(" to ")}, which a browser cannot do. Use automl-cnn predict.`);
}

// The size of the canvas for a photo, and where on it the photo begins: all of the photo, or a square that it fills or lies in.
function placed({ width, height }, fit) {
  if (!fit || fit === "squash") return [width, height, 0, 0];
  const side = fit === "pad" ? Math.max(width, height) : Math.min(width, height);
  const start = (given) => fit === "pad" ? Math.floor((side - given) / 2) : -Math.floor((given - side) / 2);
  return [side, side, start(width), start(height)];
}

// A file -> uint8 (1, size, size, channels): upright, on white, made square and resized by the way that training took.
async function pixelsOf(file, about) {
  await refuseDeep(file, about.levels);
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const [width, height, left, top] = placed(picture, about.fit);
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "rgb(128, 128, 128)";
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = "white";
  pen.fillRect(left, top, picture.width, picture.height);
  pen.drawImage(picture, left, top);
  const seen = opaque(pen.getImageData(0, 0, width, height).data);
  const small = resized(seen, width, height, 3, about.stored);
  const stored = about.channels === 1 ? grey(small) : small;
  return new Uint8Array(resized(stored, about.stored, about.stored, about.channels, about.size));
}

// The runtime, and the network in it: one thread, since a page from a disk may have no more.
async function loaded() {
  const glue = URL.createObjectURL(new Blob([await unpacked(window.GLUE)], { type: "text/javascript" }));
  const runtime = await import(glue);
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmBinary = (await unpacked(window.WASM)).buffer;
  const session = await runtime.InferenceSession.create(await unpacked(window.NETWORK), { executionProviders: ["wasm"] });
  window.GLUE = window.WASM = window.NETWORK = null;
  return { runtime, session };
}

let network = null;

// Runs the network on a file: its answers, in the order of the classes.
async function answered(file) {
  network ??= loaded();
  const { runtime, session } = await network;
  const { size, channels } = window.MODEL;
  const given = new runtime.Tensor("uint8", await pixelsOf(file, window.MODEL), [1, size, size, channels]);
  const answer = await session.run({ [session.inputNames[0]]: given });
  return Array.from(answer[session.outputNames[0]].data);
}

// What is shown: of one class each, the likeliest few; of labels, those that reach their thresholds.
function shownOf(answers) {
  return window.MODEL.thresholds ? answers.filter(({ share, least }) => share >= least) : answers.slice(0, SHOWN);
}

// The answer as a line.
function sentence(answers) {
  const percent = ({ name, share }) => `${name}, ${(100 * share).toFixed(1)} %`;
  if (!window.MODEL.thresholds) return percent(answers[0]);
  return shownOf(answers).map(({ name }) => name).join(", ") || `No label; the likeliest is ${percent(answers[0])}`;
}

// All answers, the likeliest first; of labels, `least` is the threshold.
async function classified(file) {
  const shares = await answered(file);
  const { classes, thresholds } = window.MODEL;
  return classes.map((name, place) => ({ name, share: shares[place], least: thresholds?.[place] })).sort((one, other) => other.share - one.share);
}

// Each number as text, with its unit, and the ends of its interval, where it is known.
function measured(numbers) {
  const { targets, intervals, digits } = window.MODEL;
  return targets.map(({ name, unit }, place) => {
    const written = (value) => value.toFixed(digits[place]), half = intervals?.half_widths[place];
    const within = half === undefined ? "" : `${written(numbers[place] - half)} to ${written(numbers[place] + half)}`;
    return { name, value: `${written(numbers[place])} ${unit}`.trim(), within };
  });
}

// A row of the table.
function row(name, ...cells) {
  const line = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
  head.scope = "row";
  head.textContent = name;
  cell.append(...cells);
  line.append(head, cell);
  return line;
}

function element(tag, text, width) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (width) made.style.width = width;
  return made;
}

// The rows of the table, and the answer as a line: of numbers, all of them, in their order.
async function looked(file) {
  if (window.MODEL.targets) {
    const numbers = measured(await answered(file));
    const rows = numbers.map(({ name, value, within }) => row(name, element("b", value), ...(within ? [element("small", within)] : [])));
    return { rows, line: numbers.map(({ name, value }) => `${name} ${value}`).join(", ") };
  }
  const answers = await classified(file);
  const rows = shownOf(answers).map(({ name, share }) => row(name, `${(100 * share).toFixed(1)} %`, element("i", "", `${Math.max(1, 100 * share)}%`)));
  return { rows, line: sentence(answers) };
}

function inform(words) {
  document.getElementById("state").textContent = words;
}

async function show(file) {
  if (!file) return;
  document.getElementById("answers").hidden = true;
  const photo = document.getElementById("photo");
  URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  document.getElementById("shown").hidden = false;
  inform("Running the network.");
  const began = performance.now();
  try {
    const { rows, line } = await looked(file);
    document.querySelector("#answers tbody").replaceChildren(...rows);
    document.getElementById("answers").hidden = !rows.length;
    inform(`${line}, in ${Math.round(performance.now() - began)} ms.`);
  } catch (error) {
    document.getElementById("shown").hidden = true;
    inform(error.name === "InvalidStateError" || error.name === "EncodingError" ? "This file is not an image that the browser can read." : `Prediction failed: ${error.message}`);
  }
}

function prepare() {
  const drop = document.getElementById("drop"), about = window.MODEL;
  if (about.study) document.getElementById("name").textContent = `What is in the photo? (${about.study})`;
  const [one, several] = about.targets ? ["number", "numbers"] : about.thresholds ? ["label", "labels"] : ["class", "classes"];
  document.querySelector("#answers th").textContent = one;
  document.getElementById("answers").classList.toggle("numbers", Boolean(about.targets));
  if (about.targets) document.querySelector("#answers th + th").textContent = about.intervals ? `value, and its ${Math.round(100 * about.intervals.level)} % interval` : "value";
  document.getElementById("file").addEventListener("change", (event) => show(event.target.files[0]));
  for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.toggle("over", name === "dragover"); });
  document.addEventListener("drop", (event) => show(event.dataTransfer.files[0]));
  document.addEventListener("paste", (event) => show(event.clipboardData.files[0]));
  network = loaded();
  network.then(() => inform(`Ready: it ${about.targets ? "reads" : "knows"} ${about.classes.length} ${about.classes.length === 1 ? one : several}.`), (error) => inform(`The network could not be loaded: ${error.message}`));
}

if (window.MODEL) prepare();
