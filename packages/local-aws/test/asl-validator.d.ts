/** asl-validator 4 comes without types; this much of it is used. */
declare module 'asl-validator' {
  function aslValidator(definition: unknown): { isValid: boolean; errorsText(separator?: string): string };
  export = aslValidator;
}
