/** S3's refusals, in its words. */
import { AwsError } from '../gateway/index.ts';

export const accessDenied = (message = 'Access Denied') => new AwsError('AccessDenied', message, 403);

export const noSuchKey = (key: string) =>
  new AwsError('NoSuchKey', 'The specified key does not exist.', 404, { Key: key });

export const noSuchBucket = (bucket: string) =>
  new AwsError('NoSuchBucket', 'The specified bucket does not exist', 404, { BucketName: bucket });

export const noSuchUpload = (uploadId: string) => {
  const cause = 'The upload ID may be invalid, or the upload may have been aborted or completed.';
  const message = `The specified upload does not exist. ${cause}`;
  return new AwsError('NoSuchUpload', message, 404, { UploadId: uploadId });
};

/** A field that a form must have. */
export const missingField = (name: string) => {
  const advice = 'If it is specified, please check the order of the fields.';
  return invalidArgument(`Bucket POST must contain a field named '${name}'.  ${advice}`, name);
};

export const preconditionFailed = (condition: string) =>
  new AwsError('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412, {
    Condition: condition,
  });

export const invalidArgument = (message: string, name: string, value = '') =>
  new AwsError('InvalidArgument', message, 400, { ArgumentName: name, ArgumentValue: value });

export const malformedXml = () => {
  const message = 'The XML you provided was not well-formed or did not validate against our published schema';
  return new AwsError('MalformedXML', message);
};

export const incompleteBody = () => {
  const message = 'You did not provide the number of bytes specified by the Content-Length HTTP header';
  return new AwsError('IncompleteBody', message);
};

export const tooLarge = (size: number, max: number) =>
  new AwsError('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', 400, {
    ProposedSize: String(size),
    MaxSizeAllowed: String(max),
  });

export const tooSmall = (size: number, min: number, detail: Record<string, string> = {}) =>
  new AwsError('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', 400, {
    ProposedSize: String(size),
    MinSizeAllowed: String(min),
    ...detail,
  });

export const malformedTrailer = () => {
  const cause = 'was not well-formed or did not conform to our published schema.';
  return new AwsError('MalformedTrailerError', `The request contained trailing data that ${cause}`);
};
