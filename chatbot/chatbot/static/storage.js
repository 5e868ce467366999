// Web storage that never throws. A storage area is given by name, because even accessing it may throw.

export function load(key, area = "localStorage") {
  try {
    return JSON.parse(window[area].getItem(key));
  } catch {
    return null;
  }
}

export function store(key, value, area = "localStorage") {
  try {
    window[area].setItem(key, JSON.stringify(value));
  } catch {
    // storage is off, or full
  }
}
