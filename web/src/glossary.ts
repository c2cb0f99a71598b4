/** The page's terms, each in one line. */
export const glossary = {
  embedding: "A list of numbers that stands for an item; like items have like numbers.",
  level: "A place in the ID. The first code is the coarsest, each further one tells closer items apart.",
  code: "One choice out of a fixed number, such as a_17: item families that the network found by itself.",
  latent: "The few numbers that the network boils an item down to before it chooses codes.",
  reconstruction: "How far an item rebuilt from its ID is from the real one. Lower is better.",
  quantisation: "How far items lie from the codes chosen for them.",
  left: "The share of what makes items differ that the codes up to this level do not say yet.",
  dead: "A code that no item has. Many of them mean that the ID says less than it could.",
  collision: "Two items with the very same ID. They cannot be told apart by it.",
  margin: "How much nearer the chosen code is than the runner-up. Near zero it was a close call.",
  kmeans: "The simplest way to make such IDs: group the items, then group what is left over, and so on.",
  epoch: "One pass over all items.",
  neighbours: "The ten items whose numbers are most alike.",
} as const;

export type Term = keyof typeof glossary;
