"use strict";
// The page: asks the server on this machine for drawings and numbers, and puts them in place.

const $ = (id) => document.getElementById(id);
const LISTED = 50; // gold sentences at a time
const state = { models: [], gold: null, annotated: [], view: "parse", asked: 0, listed: 0 };
const HEADS = ["arc", "s", "ẑ", "−η∇ẑL", "p̂", "z̃", "SPIGOT −∇s", "STE −∇s"];

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer: is `spigot view` still running?");
  }
  const answer = await response.json().catch(() => ({ error: `the server failed (${response.status}); see its terminal` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function drawing(title, svg) {
  const figure = document.createDocumentFragment();
  if (title) figure.append(element("h2", title));
  const box = element("div", undefined, { class: "drawing" });
  box.innerHTML = svg; // drawn by the server, with all text escaped
  figure.append(box);
  return figure;
}

function question() {
  const body = { width: Math.max(200, Math.floor($("result").clientWidth)) };
  if (state.gold !== null) body.gold = state.gold;
  else Object.assign(body, { text: $("text").value, tokenized: $("tokenized").checked });
  return body;
}

function chosenModel() {
  return state.models.find((model) => model.name === $("model").value);
}

async function show() {
  const number = ++state.asked;
  $("error").textContent = "";
  wait(true);
  try {
    const pieces = state.view === "parse" ? await parsePieces() : await updatePieces();
    if (number !== state.asked) return; // a later question is under way
    $("result").replaceChildren(...pieces);
  } catch (error) {
    if (number !== state.asked) return;
    $("error").textContent = error.message;
    $("result").replaceChildren();
  } finally {
    if (number === state.asked) wait(false);
  }
}

/** Show that an answer is under way, or there. */
function wait(busy) {
  $("result").setAttribute("aria-busy", String(busy));
  $("ask").querySelector("button.go").disabled = busy;
}

async function parsePieces() {
  const answer = await ask("/api/parse", { ...question(), apart: $("apart").checked });
  return answer.drawings.flatMap((drawn) => {
    const shown = drawing(drawn.title, drawn.svg);
    return drawn.confidences?.length ? [shown, confidences(drawn.confidences, answer.tokens)] : [shown];
  });
}

/** How a token, and an arc of three or more fields, is written in a table. */
function words(tokens) {
  const name = (token) => (token === 0 ? "ROOT" : `${tokens[token - 1]}/${token}`);
  return { name, arc: ([head, modifier, label]) => `${name(head)} → ${name(modifier)}${label ? " " + label : ""}` };
}

function confidences(rows, tokens) {
  const { name, arc } = words(tokens);
  const what = ([head, modifier, label]) =>
    head !== null ? arc([head, modifier, label]) : modifier !== null ? `${name(modifier)} ${label}` : label;
  const made = element("table");
  const head = element("tr");
  head.append(...["", "prediction", "arc", "label, tag, class"].map((title) => element("th", title)));
  made.append(head, ...rows.map(([task, ...said]) => {
    const line = element("tr");
    const numbers = said.slice(3).map((value) => element("td", value === null ? "" : value.toFixed(2)));
    line.append(element("td", task), element("td", what(said)), ...numbers);
    return line;
  }));
  const box = element("div", undefined, { class: "wide" });
  box.append(made);
  const details = element("details");
  if (state.sure) details.open = true;
  details.addEventListener("toggle", () => { state.sure = details.open; });
  details.append(element("summary", "Confidences"), box);
  return details;
}

async function updatePieces() {
  const cap = $("max_norm").value;
  const target = $("target").value === "edited" ? $("own-target").value : $("target").value;
  const answer = await ask("/api/update", {
    ...question(),
    model: $("model").value,
    task: $("task").value,
    target,
    step_size: Number($("step_size").value),
    max_norm: cap === "" ? null : Number(cap),
    steps: Number($("steps").value),
    hull: $("hull").checked,
  });
  const { name, arc } = words(answer.tokens);
  const pieces = [element("p", `The end task's loss is ${answer.loss.toFixed(3)}.`, { class: "note", id: "loss" })];
  if (answer.loss === 0) pieces.push(element("p", "A loss of 0 moves nothing: choose another target.", { class: "note" }));
  pieces.push(...answer.drawings.map((drawn) => drawing(drawn.title, drawn.svg)));
  for (const [surrogate, move] of Object.entries(answer.moves)) pieces.push(element("p", outcome(surrogate, move, arc), { class: "note" }));
  pieces.push(element("h2", "Numbers, by modifier"), ...leftOut(answer), ...table(answer, name, arc));
  return pieces;
}

/** What the table leaves out of a long sentence's arcs. */
function leftOut(answer) {
  if (answer.rows.length === answer.arcs) return [];
  const [shown, all] = [answer.rows.length, answer.arcs].map((count) => count.toLocaleString("en"));
  const text = `${shown} of ${all} arcs: those of ẑ and of the sentence's own annotation, and those with the largest gradients.`;
  return [element("p", text, { class: "note", id: "left-out" })];
}

function outcome(surrogate, move, arc) {
  const moved = `${surrogate} moves ${move.moved} scores.`;
  if (move.times === null) return `${moved} However often it is repeated, the structure stays.`;
  const times = move.times === 1 ? "this move" : `${move.times} times this move`;
  return `${moved} After ${times} another structure scores highest, with a loss of ${move.loss.toFixed(3)}: ` +
    `${move.gone.map(arc).join(", ")} ⇒ ${move.come.map(arc).join(", ")}.`;
}

function table(answer, name, arc) {
  const select = element("select", undefined, { "aria-label": "Modifier" });
  const modifiers = [...new Set(answer.rows.map((row) => row[1]))].sort((a, b) => a - b);
  const size = (modifier) => Math.max(...answer.rows.filter((row) => row[1] === modifier).map((row) => Math.abs(row[8])));
  for (const modifier of modifiers) select.append(element("option", name(modifier), { value: modifier }));
  if (modifiers.length) select.value = modifiers.reduce((a, b) => (size(b) > size(a) ? b : a));
  const made = element("table");
  const fill = () => {
    const head = element("tr");
    head.append(...HEADS.map((title) => element("th", title)));
    const rows = answer.rows.filter((row) => row[1] === Number(select.value)).map((row) => {
      const line = element("tr", undefined, row[4] > 0 ? { class: "chosen" } : {});
      line.append(element("td", arc(row)), ...row.slice(3).map((value) => element("td", value.toFixed(3).replace("-", "−"))));
      return line;
    });
    made.replaceChildren(head, ...rows);
  };
  select.addEventListener("change", fill);
  fill();
  const box = element("div", undefined, { class: "wide" });
  box.append(made);
  const bar = element("div", undefined, { class: "bar" });
  bar.append(select);
  return [bar, box];
}

function turn(view) {
  state.view = view;
  for (const name of ["parse", "update"]) $(`tab-${name}`).setAttribute("aria-selected", String(name === view));
  $("settings").hidden = view !== "update";
  $("apart-label").hidden = view !== "parse" || (state.models.length < 2 && !state.golds);
  refresh();
}

/** Show again what is asked for, if anything is. */
function refresh() {
  if ($("text").value.trim() || state.gold !== null) show();
}

function chooseTargets() {
  const model = chosenModel();
  if (!model) return;
  const before = $("target").value;
  const options = [];
  const task = $("task").value, kind = model.end_tasks[task];
  if (state.gold !== null && state.annotated.includes(task)) options.push(["gold", "gold"]);
  options.push(["own", "the model's own prediction"]);
  for (const other of state.models) if (other.name !== model.name && other.tasks.includes(task)) options.push([other.name, `${other.name}'s prediction`]);
  if (kind === "sentiment") options.push(["negative", "negative"], ["positive", "positive"]);
  for (const each of model.classes[task] ?? []) options.push([`${task} = ${each}`, each]);
  if (kind === "semantics") options.push(["edited", "a graph of my own"]);
  $("target").replaceChildren(...options.map(([value, text]) => element("option", text, { value })));
  if (options.some(([value]) => value === before)) $("target").value = before;
  $("own-target").hidden = $("target").value !== "edited";
}

function setModel() {
  const model = chosenModel();
  if (!model) return;
  for (const name of ["step_size", "max_norm", "steps"]) $(name).value = model.settings[name] ?? "";
  $("hull").checked = model.settings.hull;
  const tasks = Object.keys(model.end_tasks);
  $("task").replaceChildren(...tasks.map((task) => element("option", task, { value: task })));
  $("task-label").hidden = tasks.length < 2;
  chooseTargets();
}

async function listGold() {
  const number = ++state.listed;
  const rows = await ask(`/api/gold?find=${encodeURIComponent($("find").value)}&count=${LISTED + 1}`);
  if (number !== state.listed) return; // the answer to an earlier question came late
  $("found").textContent = rows.length === 0 ? "None found." : rows.length > LISTED ? `The first ${LISTED}; a search shows others.` : "";
  $("gold").replaceChildren(...rows.slice(0, LISTED).map((row) => {
    const button = element("button", undefined, { type: "button", "data-number": row.number });
    button.append(element("b", row.id), row.text);
    button.addEventListener("click", () => chooseGold(row));
    return button;
  }));
  markGold();
}

/** Mark the gold sentence that is asked for, if it is listed. */
function markGold() {
  for (const button of $("gold").children) {
    if (state.gold !== null && Number(button.dataset.number) === state.gold) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function chooseGold(row) {
  state.gold = row === null ? null : row.number;
  state.annotated = row === null ? [] : row.tasks;
  if (row !== null) $("text").value = row.text;
  markGold();
  if (row !== null) $("target").value = "";
  chooseTargets();
  if (row !== null) show();
}

async function start() {
  const answer = await ask("/api/models");
  state.models = answer.models;
  state.golds = answer.gold;
  $("models").textContent = answer.models.map((model) => `${model.name} (${model.surrogate ?? model.kind})`).join(" · ");
  const able = answer.models.filter((model) => model.surrogate !== null);
  $("model").replaceChildren(...able.map((model) => element("option", model.name, { value: model.name })));
  $("tab-update").hidden = able.length === 0;
  $("browse").hidden = answer.gold === 0;
  setModel();
  turn("parse");
  if (answer.gold) await listGold();
}

$("ask").addEventListener("submit", (event) => { event.preventDefault(); show(); });
$("text").addEventListener("input", () => { if (state.gold !== null) chooseGold(null); });
$("text").addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); show(); } });
$("tab-parse").addEventListener("click", () => turn("parse"));
$("tab-update").addEventListener("click", () => turn("update"));
$("find").addEventListener("input", () => listGold().catch((error) => { $("error").textContent = error.message; }));
$("model").addEventListener("change", () => { setModel(); refresh(); });
$("task").addEventListener("change", () => { chooseTargets(); refresh(); });
$("target").addEventListener("change", () => { $("own-target").hidden = $("target").value !== "edited"; if (!$("own-target").hidden) return; refresh(); });
for (const name of ["tokenized", "apart", "step_size", "max_norm", "steps", "hull", "own-target"]) $(name).addEventListener("change", refresh);
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width && $("result").childElementCount) { width = innerWidth; show(); } });
start().catch((error) => { $("error").textContent = error.message; });
