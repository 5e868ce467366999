// What this browser remembers of its visitor; one that keeps nothing does no harm, nor one that denies its stores: a
// store is given by name, as to touch it may throw.

export function kept(key, store = "localStorage") {
  try {
    return JSON.parse(window[store].getItem(key));
  } catch {
    return null;
  }
}

export function keep(key, value, store = "localStorage") {
  try {
    window[store].setItem(key, JSON.stringify(value));
  } catch {
    // storage is off, or full
  }
}
