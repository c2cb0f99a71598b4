/** Titles in the forms that people have them in. */
import { readLabels } from "rqvae/formats";
import { describe, expect, it } from "vitest";

describe("titles", () => {
  it("are read from JSON with a list for each column", () => {
    expect(readLabels('{"title":["Alien","Aliens"]}')).toEqual({ titles: ["Alien", "Aliens"] });
    expect(readLabels('{"name":["Alien","Aliens"],"year":[1979,1986]}')).toEqual({
      titles: ["Alien", "Aliens"],
      labels: { year: [1979, 1986] },
    });
    expect(readLabels('{"id":[7,8],"title":["Alien","Aliens"]}')).toEqual({
      titles: ["Alien", "Aliens"],
      itemIds: ["7", "8"],
    });
    expect(() => readLabels('{"title":["Alien","Aliens"],"year":[1979]}')).toThrow(/the labels must be/);
  });

  it("are read from objects, also within another", () => {
    const expected = { titles: ["Alien", "Aliens"], itemIds: ["1", "2"] };
    const list = '[{"id":1,"title":"Alien"},{"id":2,"title":"Aliens"}]';
    expect(readLabels(list)).toEqual(expected);
    expect(readLabels(`{"total":2,"items":${list}}`)).toEqual(expected);
  });

  it("are read from tables whose columns have any name, or none", () => {
    expect(readLabels("Produkt;Preis\nSchuh;1,50\nHose;2,50\n", "a.csv")).toEqual({
      titles: ["Schuh", "Hose"],
      labels: { Preis: ["1,50", "2,50"] },
    });
    expect(readLabels("1,Alien\n2,Aliens\n", "a.csv")).toEqual({
      titles: ["Alien", "Aliens"],
      labels: { "column 1": ["1", "2"] },
    });
    expect(readLabels("Alien\t1979\nAliens\t1986\n")).toEqual({
      titles: ["Alien", "Aliens"],
      labels: { "column 2": ["1979", "1986"] },
    });
    expect(readLabels("title,year\nAlien,1979\nAliens,1986\n")).toEqual({
      titles: ["Alien", "Aliens"],
      labels: { year: ["1979", "1986"] },
    });
  });

  it("stay whole in plain lists, whatever they hold", () => {
    for (const titles of [
      ["I, Robot", "Me, Myself", "Alien"],
      ["I, Robot", "O Brother, Where"],
      ["Mission: Impossible; part one", "Solo"],
      ["10,000 BC", "2,012"],
    ]) {
      expect(readLabels(titles.join("\n"))).toEqual({ titles });
    }
    expect(readLabels("I, Robot\nMe, Myself\n", "films.csv")).toEqual({ titles: ["I, Robot", "Me, Myself"] });
  });
});
