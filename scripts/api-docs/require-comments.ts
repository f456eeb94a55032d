/**
 * A TypeDoc plugin that warns about each public item without a doc comment: exports, their fields, methods and
 * parameters. TypeDoc's own `notDocumented` cannot tell an option from the shape of a constant, or a parameter of a
 * function from one of a function type.
 */
import {
  Application,
  ReflectionKind,
  type Comment,
  type DeclarationReflection,
  type ProjectReflection,
  type TranslatedString,
} from "typedoc";

const items =
  ReflectionKind.SomeModule |
  ReflectionKind.Variable |
  ReflectionKind.Function |
  ReflectionKind.ClassOrInterface |
  ReflectionKind.TypeAlias |
  ReflectionKind.Property |
  ReflectionKind.Accessor |
  ReflectionKind.Method;

const withParameters = ReflectionKind.FunctionOrMethod | ReflectionKind.Constructor | ReflectionKind.ClassOrInterface;

const says = (comment: Comment | undefined): boolean => comment !== undefined && comment.hasVisibleComponent();

/**
 * The fields of a constant carry their own descriptions, as in the catalog. `@param` describes the fields of an inline
 * parameter type. Keys that are symbols are internal.
 */
const isExempt = (item: DeclarationReflection): boolean => {
  if (item.name.startsWith("[")) return true;
  for (let parent = item.parent; parent !== undefined; parent = parent.parent) {
    if (parent.kindOf(ReflectionKind.Variable | ReflectionKind.Parameter)) return true;
  }
  return false;
};

/** Whether any of an item's places for a comment has one: itself, its signatures, or the function type that it holds. */
const isDocumented = (item: DeclarationReflection): boolean => {
  const nested = item.type?.type === "reflection" ? item.type.declaration : undefined;
  const signatures = [...(item.getAllSignatures() ?? []), ...(nested?.getAllSignatures() ?? [])];
  return says(item.comment) || signatures.some(({ comment }) => says(comment));
};

/** @returns the full names of items without a comment, and of parameters without a description */
const missingComments = (project: ProjectReflection): ReadonlyArray<string> => {
  const missing = new Set<string>();
  for (const item of project.getReflectionsByKind(items | withParameters)) {
    if (!item.isDeclaration() || isExempt(item)) continue;
    if (item.kindOf(items) && !isDocumented(item)) missing.add(item.getFullName());
    if (!item.kindOf(withParameters)) continue;
    for (const signature of item.signatures ?? []) {
      if (item.inheritedFrom !== undefined || signature.inheritedFrom !== undefined) continue;
      for (const { name, comment } of signature.parameters ?? []) {
        if (!says(comment)) missing.add(`Parameter ${name} of ${item.getFullName()}`);
      }
    }
  }
  return [...missing].toSorted();
};

export const load = (app: Application): void => {
  app.on(Application.EVENT_VALIDATE_PROJECT, (project) => {
    for (const name of missingComments(project)) app.logger.warn(`${name} has no doc comment.` as TranslatedString);
  });
};
