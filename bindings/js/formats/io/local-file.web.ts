export const openLocalFile = undefined;
