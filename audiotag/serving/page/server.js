// Requests to the server; one that it sends away for now comes again.

export async function ask(path, options = {}) {
  const response = await fetch(path, options);
  if (response.status === 503) { // too many ask at once: it says when to come again
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get("retry-after") ?? 2)));
    return ask(path, options);
  }
  if (!response.ok) throw new Error((await response.json()).error);
  return response;
}

const query = (fields) => new URLSearchParams(Object.entries(fields).flatMap(
  ([name, value]) => (Array.isArray(value) ? value : [value]).map((each) => [name, each])));

// About a recording: its bytes, or the id of one that was sent among the fields.
export const post = async (path, fields, body) => (
  await ask(`${path}?${query(fields)}`, { method: "POST", body })).json();
