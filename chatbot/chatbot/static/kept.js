// What this browser remembers of its visitor; one that keeps nothing does no harm.

export function kept(key, store = localStorage) {
  try {
    return JSON.parse(store.getItem(key));
  } catch {
    return null;
  }
}

export function keep(key, value, store = localStorage) {
  try {
    store.setItem(key, JSON.stringify(value));
  } catch {
    // storage is off, or full
  }
}
