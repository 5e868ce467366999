// A number before the title of the page, for whoever looks at another tab.

const plain = document.title;

export function count(number) {
  document.title = number ? `(${number}) ${plain}` : plain;
}
