import { OPTIONS, type OptionDescription } from "rqvae/options";

/** One option of the model or of the training, as the form shows it. */
export interface OptionField extends OptionDescription {
  /** The name of the field, in the form and in the page's link. */
  field: string;
  /** The library's default, if nothing is given or suggested. */
  fallback: string;
}

/** The groups of the simple view, whose fields have short names. */
const SIMPLE: readonly string[] = ["id", "training"];

/** The options as fields of the form. */
export function formFields(options: readonly OptionDescription[]): readonly OptionField[] {
  return options.map((option) => ({
    ...option,
    field: (SIMPLE.includes(option.group) && option.flag) || option.name,
    fallback: option.usually?.replaceAll(/[`"]/g, "") ?? textOf(option.default),
  }));
}

/** A value as the form shows it. */
export function textOf(value: unknown): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(4)));
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** Of a training that goes on from an earlier model, which the page has no place for. */
const OF_RETRAINING: readonly string[] = ["stability", "newItemRepeats", "freedShare"];

/** Every option. */
export const optionFields = formFields(OPTIONS.filter(({ name }) => !OF_RETRAINING.includes(name)));

/** The field of an option of the library. */
export const fieldOf = (option: string): OptionField | undefined => optionFields.find(({ name }) => name === option);
