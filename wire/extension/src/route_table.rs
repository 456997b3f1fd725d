use antiphon_wire::route_table::RouteTable as Table;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(antiphon_wire, RouteTableError, PyValueError);

#[pyclass(frozen, module = "antiphon_wire._extension")]
pub struct RouteTable {
    table: Table,
}

#[pymethods]
impl RouteTable {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        let table = Table::from_json(text).map_err(|error| RouteTableError::new_err(error.to_string()))?;
        Ok(Self { table })
    }

    fn to_json(&self) -> String {
        self.table.to_json()
    }

    /// Why `newer` is held back: in one word, and in a sentence.
    fn accepts(&self, newer: &Self) -> Option<(&'static str, String)> {
        self.table.accepts(&newer.table).err().map(|held| (held.reason(), held.to_string()))
    }
}
