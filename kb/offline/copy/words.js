"use strict";
// A question's terms as kb/text.py makes them, and what they find. Places are articles' places in the list of the copy.

const HAN = "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u{20000}-\\u{3134f}";
const RUN = new RegExp(`(?<han>[${HAN}]+)|(?<word>[a-z0-9]+(?:['’\\-_][a-z0-9]+)*)|(?:(?![a-z0-9_${HAN}])[\\p{L}\\p{N}])+`, "gu");
const HAN_RUN = new RegExp(`[${HAN}]{2,}`, "gu");
const IS_HAN = new RegExp(`[${HAN}]`, "u");
const LETTERS = /^[a-z]+$/;
const FUNCTION_WORDS = new Set((
  "a an and are as at be but by can could did do does for from get had has have how i if in is it its me my no not " +
  "of on or our she he so than that the their them then there they this to up us was we what when where which who " +
  "why will with would you your am been out"
).split(" "));
const MOST_CHARACTERS = 2000;
const MOST_TERMS = 128;
const PREFIX = 0.5, PREFIX_TERMS = 24; // of the word that is being typed, and the words it may become
const ALIKE = 0.8; // of what a phrase may also be called, beside the phrase itself
const MEANT = 0.7; // of what an unknown word may have been meant to be
const MOST_MEANT = 12;
const SHORTEST = 4, LONG = 8; // letters of a word that may have one slip, and two

const tables = {};

// What the file holds (kb/offline/words.py), ready to be asked.
function prepare(words) {
  const rows = (text) => text.split("\n").filter(Boolean).map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]);
  tables.shares = new Map(rows(words.shares));
  tables.sorted = [...tables.shares.keys()].sort();
  tables.forms = new Map(rows(words.forms).flatMap(([stem, forms]) => forms.split(" ").map((form) => [form, stem])));
  tables.written = [...tables.sorted.filter((term) => LETTERS.test(term)), ...tables.forms.keys()];
  const script = Array.from(words.script);
  tables.script = new Map(script.flatMap((char, i) => (i % 2 ? [] : [[char, script[i + 1]]])));
  tables.sounds = new Map(rows(words.sounds).map(([sound, chars]) => [sound, Array.from(chars)]));
  tables.readings = new Map();
  for (const [sound, chars] of tables.sounds) for (const char of chars) tables.readings.set(char, [...(tables.readings.get(char) ?? []), sound]);
  tables.alike = words.alike;
  tables.folded = new Map();
}

// --- terms ---------------------------------------------------------------------------------------

function foldOne(char) {
  let out = "";
  for (const one of char.normalize("NFKC")) {
    const point = one.codePointAt(0);
    if (point < 0x250 || (point >= 0x1e00 && point < 0x1f00)) out += one.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
    else if (!/[\p{Cf}\p{Mn}\p{Cs}]/u.test(one)) out += (tables.script.get(one) ?? one).toLowerCase();
  }
  return out;
}

function fold(text) {
  let out = "";
  for (const char of text) {
    let one = tables.folded.get(char);
    if (one === undefined) tables.folded.set(char, (one = foldOne(char)));
    out += one;
  }
  return out;
}

function clean(question) {
  const text = question.slice(0, 4 * MOST_CHARACTERS).replace(/\p{Cc}/gu, " ").replace(/[\p{Cf}\p{Cs}\p{Co}\p{Cn}]/gu, "");
  return Array.from(text.split(/\s+/u).filter(Boolean).join(" ")).slice(0, MOST_CHARACTERS).join("");
}

const stem = (word) => tables.forms.get(word) ?? word;
const withoutZeros = (code) => code.replace(/(?<=[a-z])0+(?=[0-9])/g, "");

function wordTerms(word, start) {
  const end = start + word.length;
  if (LETTERS.test(word)) return [{ text: stem(word), start, end }];
  if (/['’]/.test(word)) {
    const bare = word.replace(/['’](s\b)?/g, "");
    return wordTerms(bare, start).map(({ text }) => ({ text, start, end }));
  }
  const pieces = [...word.matchAll(/[a-z0-9]+/g)];
  const whole = pieces.map(([piece]) => piece).join("");
  const forms = LETTERS.test(whole) ? [stem(whole)] : [...new Set([whole, withoutZeros(whole)])];
  const found = forms.map((text) => ({ text, start, end }));
  if (pieces.length > 1) {
    for (const one of pieces) found.push({ text: LETTERS.test(one[0]) ? stem(one[0]) : one[0], start: start + one.index, end: start + one.index + one[0].length });
  } else {
    for (const part of word.matchAll(/[a-z]+|[0-9]+/g)) {
      if (part[0].length > 1 && part[0] !== word) found.push({ text: part[0], start: start + part.index, end: start + part.index + part[0].length });
    }
  }
  return found;
}

function hanTerms(run, start) {
  const chars = Array.from(run);
  if (chars.length === 1) return [{ text: run, start, end: start + run.length }];
  const found = [];
  for (let i = 0, at = start; i + 1 < chars.length; at += chars[i].length, i++) {
    const pair = chars[i] + chars[i + 1];
    found.push({ text: pair, start: at, end: at + pair.length });
  }
  return found;
}

function foldedTerms(folded) {
  const found = [];
  let letters = null;
  for (const match of folded.matchAll(RUN)) {
    const run = match[0], start = match.index;
    if (match.groups.han) found.push(...hanTerms(run, start));
    else if (!match.groups.word) found.push({ text: run, start, end: start + run.length });
    else {
      found.push(...wordTerms(run, start));
      if (letters && /^[0-9]+$/.test(run) && start - letters.end === 1 && folded[start - 1] === " ") {
        found.push({ text: withoutZeros(letters.run + run), start: letters.start, end: start + run.length });
      }
    }
    letters = match.groups.word && LETTERS.test(run) && run.length <= 3 ? { run, start, end: start + run.length } : null;
  }
  return found;
}

const characters = (folded) => [...folded.matchAll(HAN_RUN)].flatMap(([run]) => Array.from(run));

function queryTerms(question) {
  const folded = fold(question), found = foldedTerms(folded);
  const words = [...new Set([...found.map((one) => one.text), ...numbers(folded).map((one) => one.text), ...characters(folded)])].slice(0, MOST_TERMS);
  const growing = /[a-z0-9]*$/i.exec(folded)[0];
  if (growing.length > 1) return { folded, words, prefix: growing };
  const last = found.at(-1);
  const alone = last && last.end === folded.length && Array.from(last.text).length === 1 && last.text > "\u007f";
  return { folded, words, prefix: alone ? last.text : "" };
}

// --- numbers in words, as kb/numerals.py ---------------------------------------------------------

const ONES = new Map("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(" ").map((word, i) => [word, i + 1]));
const TENS = new Map("twenty thirty forty fifty sixty seventy eighty ninety".split(" ").map((word, i) => [word, 10 * (i + 2)]));
const SIZES = new Map([["hundred", 100], ["thousand", 1000], ["million", 1000000]]);
const NUMBER = [...ONES.keys(), ...TENS.keys(), ...SIZES.keys()].join("|");
const ENGLISH = new RegExp(`(?<![a-z0-9])(?:an? (?=hundred|thousand|million))?(?:${NUMBER})(?:(?: and |[ \\-])(?:${NUMBER})){0,9}(?![a-z0-9])`, "g");
const DIGITS = new Map(["零〇", "一", "二两", "三", "四", "五", "六", "七", "八", "九"].flatMap((chars, value) => Array.from(chars).map((char) => [char, value])));
const UNITS = new Map([["十", 10], ["百", 100], ["千", 1000]]);
const DIGIT = [...DIGITS.keys()].join("");
const CHINESE = new RegExp(`(?:[${DIGIT}](?=[十百千万])|十)[${DIGIT}十百千万]{1,11}|十(?=[天日元块年周个月次号])|[二两三四五六七八九](?=[天日元块年周个次号]|小时|分钟)`, "g");
const GROUPED = /(?<![0-9,.])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])/g;

function numbers(folded) {
  const found = [];
  const take = (text, match) => found.push({ text, start: match.index, end: match.index + match[0].length });
  for (const match of folded.matchAll(ENGLISH)) if (ofEnglish(match[0]) > 1) take(String(ofEnglish(match[0])), match);
  for (const match of folded.matchAll(CHINESE)) take(String(ofChinese(match[0])), match);
  for (const match of folded.matchAll(GROUPED)) take(match[0].replaceAll(",", ""), match);
  return found;
}

function ofEnglish(words) {
  let total = 0, part = 0;
  for (const word of words.match(/[a-z]+/g)) {
    const size = SIZES.get(word) ?? 0;
    if (size > 100) [total, part] = [total + Math.max(part, 1) * size, 0];
    else if (size) part = Math.max(part, 1) * 100;
    else part += (ONES.get(word) ?? 0) + (TENS.get(word) ?? 0);
  }
  return total + part;
}

function ofChinese(run) {
  const cut = run.lastIndexOf("万");
  if (cut > 0) return ofChinese(run.slice(0, cut)) * 10000 + (cut + 1 < run.length ? ofChinese(run.slice(cut + 1)) : 0);
  let total = 0, digit = 0, unit = 1;
  Array.from(run).forEach((char, i) => {
    if (UNITS.has(char)) {
      unit = UNITS.get(char);
      total += (digit || (!total || char === "十" ? 1 : 0)) * unit;
      digit = 0;
    } else if (DIGITS.has(char)) {
      digit = DIGITS.get(char);
      if (!digit) unit = 1;
      else if (i === run.length - 1) [total, digit] = [total + digit * (unit > 10 ? unit / 10 : 1), 0];
    }
  });
  return total + digit;
}

// --- what a word was meant to be -----------------------------------------------------------------

// Letters taken apart into the fewest syllables that this copy has; [] where they are none.
function syllables(word) {
  const best = [[]];
  for (let end = 1; end <= word.length; end++) {
    for (let start = Math.max(0, end - 6); start < end; start++) {
      if (best[start] && tables.sounds.has(word.slice(start, end)) && !(best[end]?.length <= best[start].length + 1)) best[end] = [...best[start], word.slice(start, end)];
    }
  }
  return best[word.length] ?? [];
}

const charsOf = (sound) => tables.sounds.get(sound) ?? [];
const pairsOf = (firsts, seconds) => firsts.flatMap((one) => seconds.map((other) => one + other)).filter((pair) => tables.shares.has(pair)).slice(0, MOST_MEANT);

// Runs of unknown Latin words that are pinyin: for each two syllables the pairs of characters that sound so.
function bySound(folded) {
  const found = [];
  for (const [run] of folded.matchAll(/(?<![a-z0-9])[a-z]+(?: [a-z]+)*(?![a-z0-9])/g)) {
    let sounds = [];
    const flush = () => {
      for (let i = 0; i + 1 < sounds.length; i++) found.push(pairsOf(charsOf(sounds[i]), charsOf(sounds[i + 1])));
      sounds = [];
    };
    for (const word of run.split(" ")) {
      const parts = known(word) ? [] : syllables(word);
      if (parts.length) sounds.push(...parts);
      else flush();
    }
    flush();
  }
  return found.filter((some) => some.length);
}

// Whether a question is Chinese: written so, or typed by sound and nothing else.
function isChinese(question) {
  const folded = fold(clean(question));
  return IS_HAN.test(folded) || (bySound(folded).length > 0 && folded.match(/[a-z]+/g).every((word) => syllables(word).length));
}

const known = (word) => tables.shares.has(stem(word)) || FUNCTION_WORDS.has(word);

// A pair of characters that no article has, as others that sound the same.
function asHeard(pair) {
  const [first, second] = Array.from(pair).map((char) => (tables.readings.get(char) ?? []).flatMap(charsOf));
  return second ? pairsOf(first, second) : [];
}

// Terms one slip away from an unknown word (two for a long one): a letter too many, too few, wrong, or changed with its neighbour.
function nearest(word) {
  const most = word.length >= LONG ? 2 : 1;
  let best = most, found = [];
  for (const one of tables.written) {
    if (Math.abs(one.length - word.length) > best || (one[0] !== word[0] && one[0] !== word[1])) continue;
    const slips = distance(word, one, best);
    if (slips < best) [best, found] = [slips, []];
    if (slips === best) found.push(stem(one));
  }
  return [...new Set(found)].slice(0, MOST_MEANT);
}

function distance(a, b, most) {
  let before = [], last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    if (Math.min(...row) > most) return most + 1;
    [before, last] = [last, row];
  }
  return last[b.length];
}

// Each unknown word of a question as the terms it may have been.
function meant({ folded, words, prefix }) {
  const ways = bySound(folded);
  const sounded = new Set(ways.length ? [...folded.matchAll(/[a-z]+/g)].map(([word]) => word).filter((word) => syllables(word).length) : []);
  for (const word of words) {
    if (tables.shares.has(word)) continue;
    if (IS_HAN.test(word)) ways.push(Array.from(word).length === 2 ? asHeard(word) : []);
    else if (LETTERS.test(word) && word.length >= SHORTEST && !sounded.has(word) && !(prefix && starting(prefix).length)) ways.push(nearest(word));
  }
  return ways.filter((some) => some.length);
}

// --- what is found -------------------------------------------------------------------------------

function starting(prefix) {
  let low = 0, high = tables.sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tables.sorted[middle] < prefix) low = middle + 1;
    else high = middle;
  }
  const found = [];
  while (found.length < PREFIX_TERMS && tables.sorted[low]?.startsWith(prefix)) found.push(tables.sorted[low++]);
  return found;
}

// place → share of a term
function shares(term) {
  const row = (tables.shares.get(term) ?? "").split(" ").filter(Boolean).map((number) => parseInt(number, 36));
  const found = new Map();
  for (let i = 0; i < row.length; i += 2) found.set(row[i], row[i + 1]);
  return found;
}

function sum(terms) {
  const found = new Map();
  for (const term of terms) for (const [place, share] of shares(term)) found.set(place, (found.get(place) ?? 0) + share);
  return found;
}

function most(lists) {
  const found = new Map();
  for (const list of lists) for (const [place, share] of list) found.set(place, Math.max(found.get(place) ?? 0, share));
  return found;
}

const times = (list, weight) => new Map([...list].map(([place, share]) => [place, weight * share]));

// All of another way to say it, or nothing.
function whole(terms) {
  const lists = terms.map(shares), found = sum(terms);
  return new Map([...found].filter(([place]) => lists.every((list) => list.has(place))));
}

// As kb/tuning/phrases.py: folded, English by its stem, all but words a single space.
function spoken(folded) {
  const runs = [...folded.matchAll(RUN)].map((match) => {
    if (!match.groups.word) return match[0];
    const bare = match[0].replace(/['’]s\b|['’\-_]/g, "");
    return LETTERS.test(bare) ? stem(bare) : bare;
  });
  return runs.length ? ` ${runs.join(" ")} ` : "";
}

function alike({ folded, words }) {
  const said = spoken(folded), own = new Set(words), found = [];
  for (const group of tables.alike) {
    for (const [phrase, terms] of group) {
      if (!phrase || !said.includes(phrase)) continue;
      const ways = group.filter(([other]) => other !== phrase).map(([, others]) => times(whole(others), ALIKE));
      found.push({ terms: terms.filter((term) => own.has(term)), list: most([sum(terms.filter((term) => own.has(term))), ...ways]) });
    }
  }
  return found;
}

// Places and scores of the articles that have something of a question, best first.
function found(question) {
  const asked = queryTerms(clean(question));
  const said = alike(asked), told = new Set(said.flatMap((one) => one.terms));
  const lists = [sum(asked.words.filter((word) => !told.has(word))), ...said.map((one) => one.list)];
  if (asked.prefix) lists.push(times(most(starting(asked.prefix).filter((term) => !asked.words.includes(term)).map(shares)), PREFIX));
  for (const ways of meant(asked)) lists.push(times(most(ways.map(shares)), MEANT));
  const scores = new Map();
  for (const list of lists) for (const [place, share] of list) scores.set(place, (scores.get(place) ?? 0) + share);
  return [...scores].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

// --- where it stands -----------------------------------------------------------------------------

// What of a question means something: English words from three letters on, Chinese characters and pairs, and what they were meant to be.
function substantial(question) {
  const asked = queryTerms(clean(question));
  return [...asked.words, ...meant(asked).flat()].filter((term) => !FUNCTION_WORDS.has(term) && (term.length > 2 || term > "\u007f"));
}

// Of some texts the place of the one with the largest share of the wanted terms, as kb/finding/passage.py; -1 for none.
function bestOf(texts, wanted, behind) {
  const folded = texts.map(fold), usual = folded.reduce((total, one) => total + one.length, 0) / Math.max(1, folded.length) || 1;
  const weight = new Map(wanted.map((term) => {
    const having = folded.filter((one) => one.includes(term)).length;
    return [term, Math.log(1 + (folded.length - having + 0.5) / (having + 0.5))];
  }));
  const total = [...weight.values()].reduce((all, one) => all + one, 0) || 1;
  let best = -1, most = 0;
  folded.forEach((one, i) => {
    const has = [...weight].filter(([term]) => one.includes(term)).reduce((all, [, share]) => all + share, 0);
    const score = has / total / (0.6 + (0.4 * one.length) / usual) - behind[i];
    if (has && score > most) [best, most] = [i, score];
  });
  return best;
}

// Where a text has the question's words: disjoint [start, end) in order, in the text as written.
function marks(text, question) {
  const { words, prefix } = queryTerms(clean(question)), wanted = new Set(words);
  const places = [];
  let folded = "";
  for (let at = 0; at < text.length; ) {
    const char = String.fromCodePoint(text.codePointAt(at)), one = fold(char);
    for (let i = 0; i < one.length; i++) places.push([at, at + char.length]);
    folded += one;
    at += char.length;
  }
  const spans = [...foldedTerms(folded), ...numbers(folded)]
    .filter((term) => !FUNCTION_WORDS.has(term.text) && (wanted.has(term.text) || (prefix && term.text.startsWith(prefix))))
    .map((term) => [places[term.start][0], places[term.end - 1][1]])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const joined = [];
  for (const [start, end] of spans) {
    const last = joined.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}
