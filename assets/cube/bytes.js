// How data travels from Python: see packed_bytes in normviz/ui/cube_payload.py.

/** data: the header as an object, or bytes: header length (uint32, little endian), header (UTF-8 JSON, padded to
 *  four bytes), then numbers of four bytes each, which start at `base` of `buffer`. */
export function readPacked(data) {
  if (!(data instanceof Uint8Array)) return { header: data, buffer: null, base: 0 };
  const bytes = data.slice(); // own, aligned memory
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  return { header, buffer: bytes.buffer, base: 4 + length };
}
