// Matrices as `packed_matrix.py` packs them, and products of vectors with them in float64.

/** A matrix with its non-zero numbers row by row: most matrices of compiled models are nearly all zeros. */
export class Matrix {
  constructor(rows, columns, start, column, value) {
    this.rows = rows;
    this.columns = columns;
    this.start = start;
    this.column = column;
    this.value = value;
  }

  static fromDense(rows, columns, numbers) {
    const start = new Int32Array(rows + 1);
    const column = [];
    const value = [];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const number = numbers[r * columns + c];
        if (number !== 0) {
          column.push(c);
          value.push(number);
        }
      }
      start[r + 1] = column.length;
    }
    return new Matrix(rows, columns, start, Int32Array.from(column), Float64Array.from(value));
  }

  static unpack(packed) {
    const [rows, columns] = packed.s;
    return Matrix.fromDense(rows, columns, unpackNumbers(packed));
  }

  /** The product of a row vector with this matrix, added to `into`. */
  addProduct(vector, into) {
    const { start, column, value } = this;
    for (let r = 0; r < this.rows; r++) {
      const factor = vector[r];
      if (factor === 0) continue;
      for (let i = start[r]; i < start[r + 1]; i++) into[column[i]] += factor * value[i];
    }
    return into;
  }

  times(vector) {
    return this.addProduct(vector, new Float64Array(this.columns));
  }

  row(index) {
    const found = new Float64Array(this.columns);
    for (let i = this.start[index]; i < this.start[index + 1]; i++) found[this.column[i]] = this.value[i];
    return found;
  }

  dense() {
    const found = new Float64Array(this.rows * this.columns);
    for (let r = 0; r < this.rows; r++) found.set(this.row(r), r * this.columns);
    return found;
  }

  transposed() {
    const numbers = this.dense();
    const found = new Float64Array(numbers.length);
    for (let r = 0; r < this.rows; r++) {
      for (let c = 0; c < this.columns; c++) found[c * this.rows + r] = numbers[r * this.columns + c];
    }
    return Matrix.fromDense(this.columns, this.rows, found);
  }

  /** This matrix times another. */
  multiply(other) {
    const found = new Float64Array(this.rows * other.columns);
    for (let r = 0; r < this.rows; r++) found.set(other.times(this.row(r)), r * other.columns);
    return Matrix.fromDense(this.rows, other.columns, found);
  }
}

function unpackNumbers(packed) {
  const [rows, columns] = packed.s;
  if (packed.n) return packed.n;
  const dense = packed.d ?? packed.f;
  if (dense !== undefined) {
    const bytes = Uint8Array.from(atob(dense), (character) => character.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    const number = packed.d === undefined ? (i) => view.getFloat32(4 * i, true) : (i) => view.getFloat64(8 * i, true);
    return Float64Array.from({ length: rows * columns }, (_, i) => number(i));
  }
  const numbers = new Float64Array(rows * columns);
  let place = -1;
  packed.i.forEach((step, index) => {
    place += step;
    numbers[place] = packed.v[packed.c ? packed.c[index] : 0];
  });
  return numbers;
}

export function addTo(target, summand, factor = 1) {
  for (let i = 0; i < target.length; i++) target[i] += factor * summand[i];
  return target;
}

export function dot(left, right) {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += left[i] * right[i];
  return sum;
}
