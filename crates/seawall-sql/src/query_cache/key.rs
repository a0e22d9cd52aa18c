use crate::{Action, Statement, Value};

/// What tells one query from another: its text, what is wanted of it, and its values by name. Each part has its length or
/// its kind before it, so that no two queries have the same.
pub(super) fn of(statement: &Statement) -> Vec<u8> {
    let asked = &*statement.asked;
    let mut key = Vec::with_capacity(asked.text.len() + 32 * asked.parameters.len() + 16);
    key.push(u8::from(asked.action == Action::FetchFirst));
    part(&mut key, asked.text.as_bytes());
    // Of several values of one name the last counts; in whatever order they are bound, it is the same query.
    let mut names: Vec<&str> = asked.parameters.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        part(&mut key, name.as_bytes());
        if let Some(bound) = statement.value(name) {
            value(&mut key, bound);
        }
    }
    key
}

fn part(key: &mut Vec<u8>, bytes: &[u8]) {
    key.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    key.extend_from_slice(bytes);
}

fn value(key: &mut Vec<u8>, bound: &Value) {
    match bound {
        Value::Null => key.push(0),
        Value::Bool(bound) => key.extend_from_slice(&[1, u8::from(*bound)]),
        Value::Integer(bound) => {
            key.push(2);
            key.extend_from_slice(&bound.to_le_bytes());
        }
        Value::Real(bound) => {
            key.push(3);
            key.extend_from_slice(&bound.to_bits().to_le_bytes());
        }
        Value::Text(bound) => {
            key.push(4);
            part(key, bound.as_bytes());
        }
        Value::Bytes(bound) => {
            key.push(5);
            part(key, bound);
        }
        Value::List(bound) => {
            key.push(6);
            key.extend_from_slice(&(bound.len() as u64).to_le_bytes());
            for element in bound {
                value(key, element);
            }
        }
    }
}
