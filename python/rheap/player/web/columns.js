// The data that the page carries: compressed columns of numbers, and what reads them.

/** The bytes of a section: base64 in an inert script element, compressed by zlib. */
export async function readSection(name) {
  const element = document.getElementById(`section-${name}`);
  const text = atob(element.textContent.trim());
  element.remove(); // it is large, and needed once
  const packed = new Uint8Array(text.length);
  for (let at = 0; at < text.length; ++at) packed[at] = text.charCodeAt(at);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads numbers of seven bits a byte, the lowest first (as cpp/replay/varints.hpp writes them). */
export class Column {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  next() {
    const first = this.bytes[this.at++];
    if (first < 128) return first;
    let value = first - 128;
    let scale = 128;
    for (;;) {
      const byte = this.bytes[this.at++];
      if (byte < 128) return value + byte * scale;
      value += (byte - 128) * scale; // no shifts: it may take more than 32 bits
      scale *= 128;
    }
  }

  nextSigned() {
    const value = this.next();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  get done() {
    return this.at >= this.bytes.length;
  }
}

/** The columns of a section: their names and lengths stand in the page's description. */
export function splitColumns(bytes, lengths) {
  const columns = {};
  let at = 0;
  for (const [name, length] of Object.entries(lengths)) {
    columns[name] = new Column(bytes.subarray(at, at + length));
    at += length;
  }
  return columns;
}
