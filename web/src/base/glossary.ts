/** The page's terms, each in one line. */
export const glossary = {
  embedding: "A list of numbers that represents an item. Similar items have similar numbers.",
  level: "A position in the ID. The first code is the coarsest; each further one tells more similar items apart.",
  code: "One of a fixed number of choices, such as a_17. Each stands for a family of items that the network found by itself.",
  latent: "The few numbers to which the network reduces an item before it chooses codes.",
  reconstruction: "How far an item rebuilt from its ID is from the real one. Lower is better.",
  quantisation: "How far items lie from the codes chosen for them.",
  left: "The share of the differences between items that the codes up to this level do not capture yet.",
  kept: "The share of the differences between items that remains when they are rebuilt from their IDs alone. 100% is perfect; 0% is one ID for all.",
  dead: "A code that no item has. Many of them mean that the ID says less than it could.",
  collision: "Two items with the same ID, which cannot tell them apart.",
  margin:
    "How much nearer the chosen code is than the runner-up. Near zero, it was a close call. A code that is not the nearest was chosen because later codes then fit better.",
  kmeans: "The simplest way to make such IDs: group the items, then group what is left over, and so on.",
  epoch: "One pass over all items.",
  neighbours: "The ten items whose numbers are most similar.",
} as const;

export type Term = keyof typeof glossary;
