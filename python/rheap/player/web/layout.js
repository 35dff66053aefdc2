// What a region is made of: states of blocks, and the units that places and sizes count.

export const LIVE = 0;
export const DEFERRED = 1;
export const FREE = 2;

export const UNIT = 8; // bytes that places and sizes of bands count
export const WORD = 8; // bytes before each payload
export const SMALLEST_BLOCK = 24; // bytes
