// Pages that were packed: characters to bytes, bytes to script and model, and the numbers of its matrices.

/** Bytes from characters of 7 bits, the highest bits first: see `packed_page.py`. */
export function bytesOf(text) {
  const found = new Uint8Array(Math.floor((text.length * 7) / 8));
  let held = 0;
  let count = 0;
  let place = 0;
  for (let i = 0; i < text.length; i++) {
    held = ((held << 7) | (text.charCodeAt(i) & 127)) & 0x7fff;
    count += 7;
    if (count >= 8) found[place++] = held >> (count -= 8);
  }
  return found;
}

/** What a page was packed from: `{script, style, model, numbers}`, texts and bytes. */
export async function unpackPage(text) {
  const packed = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const content = await new Response(packed).arrayBuffer();
  let place = 12;
  const read = (length) => new TextDecoder().decode(new Uint8Array(content, (place += length) - length, length));
  const [script, style, model] = [...new Uint32Array(content, 0, 3)].map(read);
  return { script, style, model, numbers: new Uint8Array(content, place) };
}

/** A model's JSON with the numbers of its networks and variables, taken from the bytes beside it. */
export function withNumbers(data, bytes) {
  if (!data.numbers) return data;
  const { singles, doubles, whole } = data.numbers;
  const floats = float32s(bytes, singles);
  const rest = bytes.subarray(4 * singles);
  const numbers = whole ? wholes(rest, doubles, whole) : float64s(rest, doubles);
  const places = rest.subarray((whole ? 6 : 8) * doubles);
  const next = { single: 0, double: 0, bit: 0 };
  const put = ({ s: shape, n: kind }) => {
    const from = kind === "single" ? floats : numbers;
    const n = new Float64Array(shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < n.length; i++, next.bit++) {
      if ((places[next.bit >> 3] >> (7 - (next.bit & 7))) & 1) n[i] = from[next[kind]++];
    }
    return shape.length > 1 ? { s: shape, n } : n;
  };
  const walk = (value) => {
    if (Array.isArray(value)) return value.map(walk);
    if (value === null || typeof value !== "object") return value;
    if (value.s && value.n) return put(value);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)]));
  };
  const found = { ...data };
  for (const key of ["network", "random"]) found[key] = walk(data[key]);
  return { ...found, truth: { ...data.truth, variables: walk(data.truth.variables) } };
}

/** Numbers whose bytes lie one plane after another; float32 has its sign in the lowest bit. */
function float32s(bytes, n) {
  const bits = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const turned = (bytes[i] | (bytes[n + i] << 8) | (bytes[2 * n + i] << 16) | (bytes[3 * n + i] << 24)) >>> 0;
    bits[i] = (turned >>> 1) | (turned << 31);
  }
  return new Float32Array(bits.buffer);
}

function float64s(bytes, n) {
  const found = new Uint8Array(8 * n);
  for (let i = 0; i < n; i++) for (let plane = 0; plane < 8; plane++) found[8 * i + plane] = bytes[plane * n + i];
  return new Float64Array(found.buffer);
}

function wholes(bytes, n, binaryPlaces) {
  const unit = 2 ** -binaryPlaces;
  return Float64Array.from({ length: n }, (_, i) => {
    let code = 0;
    for (let plane = 5; plane >= 0; plane--) code = code * 256 + bytes[plane * n + i];
    return unit * (code % 2 ? -(code + 1) / 2 : code / 2);
  });
}
